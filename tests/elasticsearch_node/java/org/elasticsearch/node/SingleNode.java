package org.elasticsearch.node;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import org.elasticsearch.common.logging.LogConfigurator;
import org.elasticsearch.common.settings.Settings;
import org.elasticsearch.env.Environment;
import org.elasticsearch.http.HttpServerTransport;
import org.elasticsearch.plugins.ClassPathPlugins;
import org.elasticsearch.plugins.PluginsLoader;
import org.elasticsearch.plugins.PluginsService;
import org.elasticsearch.transport.netty4.Netty4Plugin;
import sessrec.RootPlugin;

/**
 * One Elasticsearch node from the published jars, on the loopback interface: SingleNode HOME [SETTING=VALUE...].
 *
 * The distribution's own launcher is not published as a jar, so what it does is done here. The one thing that it
 * replaces is where plugins come from, for which the node has a package-private hook: hence this package. The node
 * ends with its standard input, so that it does not outlive the tests however they end.
 */
public final class SingleNode {
    private SingleNode() {}

    public static void main(String[] arguments) throws Exception {
        Path home = Path.of(arguments[0]).toAbsolutePath();
        Environment environment = new Environment(settings(home, arguments), home.resolve("config"));
        for (String name : List.of("config", "logs", "lib", "modules", "plugins")) {
            Files.createDirectories(home.resolve(name));
        }
        LogConfigurator.configureESLogging();
        NodeServiceProvider services = new NodeServiceProvider() {
            @Override
            PluginsService newPluginService(Environment initial, PluginsLoader loader) {
                return new ClassPathPlugins(initial, loader, List.of(Netty4Plugin.class, RootPlugin.class));
            }
        };
        // No modules and no plugins on the disk, and no module layers for them.
        PluginsLoader loader = PluginsLoader.createPluginsLoader(Set.of(), Set.of(), Map.of(), false);
        Node node = new Node(NodeConstruction.prepareConstruction(environment, loader, services, true));
        node.start();
        // With port 0 the system has chosen one.
        HttpServerTransport http = node.injector().getInstance(HttpServerTransport.class);
        System.out.println("listening " + http.boundAddress().publishAddress().getPort());
        waitForEndOfInput();
        node.close();
        node.awaitClose(10, TimeUnit.SECONDS);
        System.exit(0);
    }

    private static Settings settings(Path home, String[] arguments) {
        Settings.Builder settings = Settings.builder()
            .put("path.home", home.toString())
            .put("path.data", home.resolve("data").toString())
            .put("path.logs", home.resolve("logs").toString())
            .put("cluster.name", "sessrec-tests")
            .put("node.name", "single")
            .put("discovery.type", "single-node")
            .put("network.host", "127.0.0.1")
            .put("transport.port", 0)
            .put("http.port", 0)
            .put("http.type", "netty4")
            .put("transport.type", "netty4")
            // A machine whose disk is nearly full is no fault of the code, and 512 MB of heap are soon used once.
            .put("cluster.routing.allocation.disk.threshold_enabled", false)
            .put("indices.breaker.total.use_real_memory", false);
        for (int index = 1; index < arguments.length; index++) {
            String[] setting = arguments[index].split("=", 2);
            settings.put(setting[0], setting[1]);
        }
        return settings.build();
    }

    private static void waitForEndOfInput() throws IOException {
        while (System.in.read() >= 0) {
            continue;
        }
    }
}
