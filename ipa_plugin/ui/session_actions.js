// What an auditor asks of recorded sessions. Each action puts a question first.
define(['freeipa/ipa', 'freeipa/jquery', 'freeipa/rpc', './session_values'], function(IPA, $, rpc, values) {
    'use strict';

    // `page`: on the page of one session, when it is offered.
    const verbs = {
        terminate: {
            label: 'Terminate',
            icon: 'fa-stop',
            question: 'Terminate ${sessions}? The host ends what runs in it.',
            page: { show_cond: ['writable'], hide_cond: ['ended'] }
        },
        suspend: {
            label: 'Suspend',
            icon: 'fa-pause',
            question: 'Suspend ${sessions}? It stands still until it is resumed.',
            page: { show_cond: ['going-on', 'writable'], hide_cond: ['suspended'] }
        },
        resume: {
            label: 'Resume',
            icon: 'fa-play',
            question: 'Resume ${sessions}?',
            page: { show_cond: ['going-on', 'suspended', 'writable'] }
        },
        remove: {
            label: 'Remove',
            icon: 'fa-trash-o',
            method: 'del',
            question: 'Remove ${sessions} from the list? The recording itself stays where it is.',
            page: { show_cond: ['gone'] },
            leaves_page: true
        }
    };

    // Asks, then runs the verb's command for each session that is selected in the list or shown on the page.
    function verb_action(name, conditions) {
        const verb = verbs[name];
        return function() {
            const that = IPA.action($.extend({
                name: name,
                label: verb.label,
                needs_confirm: true,
                confirm_dialog: {
                    $factory: IPA.confirm_dialog,
                    title: verb.label,
                    ok_label: verb.label,
                    ok_button_class: 'btn btn-primary'
                }
            }, conditions));

            that.get_confirm_message = function(facet) {
                // A function, since a replacement string would interpret `$&` in what a host wrote.
                return verb.question.replace('${sessions}', () => values.describe(facet.get_selected_sessions()));
            };

            that.execute_action = function(facet) {
                const commands = facet.get_selected_sessions().map(session => rpc.command({
                    entity: 'recordedsession',
                    method: verb.method || name,
                    args: [session.recording],
                    options: { host: session.host }
                }));
                // The dialog of a batch that fails only says so; that of a command says why.
                const command = commands.length === 1 ? commands[0] : batch_of(commands);
                command.on_success = function(data) {
                    that.tell(data.result);
                    facet.on_update.notify();
                    if (facet.table) facet.table.unselect_all();
                    if (verb.leaves_page && facet.name === 'details') facet.redirect();
                    else facet.refresh();
                };
                command.on_error = () => facet.refresh();
                command.execute();
            };

            that.tell = function(result) {
                if (!result.results) return IPA.notify_success(result.summary);
                const done = result.results.filter(each => !each.error).length;
                if (done) IPA.notify_success(verb.label + ': ' + done + ' of ' + result.results.length + ' sessions');
            };
            return that;
        };
    }

    function batch_of(commands) {
        const batch = rpc.batch_command({ name: 'recordedsession_batch' });
        batch.add_commands(commands);
        return batch;
    }

    function on_list() {
        return Object.keys(verbs).map(name => verb_action(name, { enable_cond: ['item-selected'], enabled: false }));
    }

    function on_page() {
        return Object.keys(verbs).map(name => verb_action(name, verbs[name].page));
    }

    function buttons() {
        return Object.keys(verbs).map(name => ({ name: name, label: verbs[name].label, icon: verbs[name].icon }));
    }

    return { on_list: on_list, on_page: on_page, buttons: buttons };
});
