package org.elasticsearch.plugins;

import java.util.ArrayList;
import java.util.List;
import java.util.ServiceLoader;
import org.elasticsearch.Build;
import org.elasticsearch.env.Environment;

/** Plugins whose classes are on the class path, where a distribution has a directory for each. */
public final class ClassPathPlugins extends PluginsService {
    private final List<LoadedPlugin> ours = new ArrayList<>();

    public ClassPathPlugins(Environment environment, PluginsLoader loader, List<Class<? extends Plugin>> classes) {
        super(environment.settings(), environment.configDir(), loader);
        String version = Build.current().version();
        for (Class<? extends Plugin> type : classes) {
            String name = type.getSimpleName();
            PluginDescriptor descriptor = new PluginDescriptor(
                name, name, version, version, "17", type.getName(), null, List.of(), false, true, false, false
            );
            Plugin plugin = loadPlugin(type, environment.settings(), environment.configDir());
            ours.add(new LoadedPlugin(descriptor, plugin, type.getClassLoader()));
        }
        loadExtensions(ours);
    }

    @Override
    protected List<LoadedPlugin> plugins() {
        // Asked for by the constructor above us, too.
        return ours == null ? List.of() : ours;
    }

    /** All plugins have one class loader; asked once for each of them, every provider would come twice. */
    @Override
    public <T> List<? extends T> loadServiceProviders(Class<T> service) {
        return ServiceLoader.load(service, ClassPathPlugins.class.getClassLoader())
            .stream()
            .map(ServiceLoader.Provider::get)
            .toList();
    }
}
