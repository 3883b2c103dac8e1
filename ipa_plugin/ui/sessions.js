// Recorded sessions that are going on: a list that keeps itself up to date, the page of one, and what an auditor can
// ask of them.
//
// All values come from hosts, which are not trusted: they are only ever set as text, they never become part of a
// selector, and a value that cannot be parsed is shown as it is. A recording's id is unique on its host only; each
// command therefore names the host as well.
define([
    'freeipa/datetime',
    'freeipa/ipa',
    'freeipa/jquery',
    'freeipa/navigation',
    'freeipa/rpc',
    'freeipa/details',
    'freeipa/entity',
    'freeipa/search'
], function(datetime, IPA, $, navigation, rpc) {
    'use strict';

    const REFRESH_MS = 10 * 1000;
    // Each refresh prolongs the login, so the list stops when nobody sits in front of it.
    const IDLE_MS = 10 * 60 * 1000;
    // So many sessions are named in a question before "and N more".
    const NAMED = 5;

    // A record of recordedsession-find or -show as plain values.
    function session_of(record) {
        const first = name => {
            const values = rpc.extract_objects([].concat(record[name] === undefined ? [] : record[name]).slice());
            return values.length ? values[0] : '';
        };
        const all = name => [].concat(record[name] || []).map(String);
        return {
            recording: String(first('cn')),
            host: String(first('host')),
            user: String(first('uid')),
            start: String(first('iparecordingstart')),
            seen: String(first('seen')),
            state: String(first('iparecordingstate')),
            wanted: String(first('iparecordingwanted')),
            policies: all('iparecordingpolicy'),
            terminal: String(first('iparecordingterminal')),
            from: String(first('iparecordingfrom')),
            stale: [true, 'TRUE', 'true', 'True'].includes(first('stale'))
        };
    }

    function key_of(session) {
        return JSON.stringify([session.host, session.recording]);
    }

    function session_of_key(key) {
        const parts = JSON.parse(key);
        return { host: parts[0], recording: parts[1] };
    }

    function time_text(value) {
        const date = datetime.parse(value);
        return date ? datetime.format(date) + ' UTC' : value;
    }

    function badge(kind, text, title) {
        return $('<span/>', { 'class': 'label label-' + kind, text: text, title: title || '' });
    }

    function state_content(session) {
        const known = { running: 'success', suspended: 'warning', ended: 'default' };
        const badges = [badge(known[session.state] || 'default', session.state)];
        if (session.stale) {
            badges.push(' ', badge('danger', 'stale', 'Last heard of: ' + (time_text(session.seen) || 'never')));
        }
        return badges;
    }

    // What was asked for, until the host has done it.
    function wanted_text(session) {
        const done = { terminated: 'ended' }[session.wanted] || session.wanted;
        if (!session.wanted || done === session.state) return session.wanted;
        return session.wanted + ' (asked)';
    }

    function details_hash(session) {
        return '#' + navigation.get_entity_hash(
            'recordedsession', 'details', [session.recording], { host: session.host });
    }

    // A column whose cell is what `content` makes of a session: text or DOM nodes.
    function session_column(spec) {
        const that = IPA.column(spec);
        that.setup = function(container, record) {
            const content = spec.content(session_of(record));
            container.empty();
            if (typeof content === 'string') container.text(content);
            else container.append(content);
        };
        return that;
    }

    function column(name, content, label) {
        return { $factory: session_column, name: name, label: label, content: content };
    }

    function session_list(spec) {
        const that = IPA.search_facet(spec, true);
        let timer = null;
        let last_input = Date.now();

        that.init_search_facet();

        that.get_records_map = function(data) {
            const records = $.ordered_map();
            const keys = $.ordered_map();
            data.result.result
                .map(record => ({ record: record, session: session_of(record) }))
                .sort((a, b) => b.session.start.localeCompare(a.session.start))
                .forEach(function(entry) {
                    const key = key_of(entry.session);
                    records.put(key, entry.record);
                    keys.put(key, entry.session.recording);
                });
            return { records_map: records, pkeys_map: keys };
        };

        that.add_record = function(record) {
            const session = session_of(record);
            const row = that.table.add_record(record);
            row.find('input[type=checkbox]').val(key_of(session));
            that.table.set_row_enabled(row, !session.stale && session.state !== 'ended');
        };

        // The table's own puts the values into a selector.
        that.table.set_values = function(keys) {
            that.table.tbody.find('input[type=checkbox]').each(function() {
                this.checked = (keys || []).includes(this.value);
            });
            that.table.select_changed();
        };

        that.get_selected_sessions = function() {
            const selected = that.get_selected_values();
            return (that.table.records || []).map(session_of)
                .filter(session => selected.includes(key_of(session)));
        };

        that.show = function() {
            that.search_facet_show();
            last_input = Date.now();
            $(document).on('mousemove.recordedsession keydown.recordedsession', function() {
                last_input = Date.now();
            });
            if (timer === null) timer = window.setInterval(that.refresh_quietly, REFRESH_MS);
        };

        const hide = that.hide;
        that.hide = function() {
            window.clearInterval(timer);
            timer = null;
            $(document).off('.recordedsession');
            hide();
        };

        // Without what a refresh on demand does: taking the focus, the sign that something is going on, and a
        // dialog should it fail.
        that.refresh_quietly = function() {
            const idle = Date.now() - last_input > IDLE_MS;
            if (idle || document.hidden || IPA.opened_dialogs.dialogs.length || that.error_displayed()) return;
            const command = that.create_refresh_command();
            command.retry = false;
            command.notify_globally = false;
            command.on_success = data => that.is_shown && that.load(data);
            command.execute();
        };
        return that;
    }

    function session_details(spec) {
        const that = IPA.details_facet(spec);

        that.get_selected_sessions = function() {
            return [session_of(that.data.result.result)];
        };
        return that;
    }

    // States of the page of one session, for the conditions of its actions.
    function session_evaluator() {
        const that = IPA.state_evaluator({ name: 'session_state', event: 'post_load' });

        that.on_event = function(data) {
            const old = that.state;
            const session = session_of(data.result.result);
            const gone = session.stale || session.state === 'ended';
            that.state = [gone ? 'gone' : 'going-on'];
            if (session.state === 'suspended' || session.wanted === 'suspended') that.state.push('suspended');
            that.notify_on_change(old);
        };
        return that;
    }

    const verbs = {
        terminate: {
            label: 'Terminate',
            icon: 'fa-stop',
            question: 'Terminate ${sessions}? The host ends what runs in it.',
            page: { show_cond: ['going-on', 'iparecordingwanted_w'] }
        },
        suspend: {
            label: 'Suspend',
            icon: 'fa-pause',
            question: 'Suspend ${sessions}? It stands still until it is resumed.',
            page: { show_cond: ['going-on', 'iparecordingwanted_w'], hide_cond: ['suspended'] }
        },
        resume: {
            label: 'Resume',
            icon: 'fa-play',
            question: 'Resume ${sessions}?',
            page: { show_cond: ['going-on', 'suspended', 'iparecordingwanted_w'] }
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
                return verb.question.replace('${sessions}', () => describe(facet.get_selected_sessions()));
            };

            that.execute_action = function(facet) {
                const batch = rpc.batch_command({ name: 'recordedsession_' + name });
                facet.get_selected_sessions().forEach(session => batch.add_command(rpc.command({
                    entity: 'recordedsession',
                    method: verb.method || name,
                    args: [session.recording],
                    options: { host: session.host }
                })));
                batch.on_success = function(data) {
                    const done = data.result.results.filter(result => !result.error);
                    if (done.length === 1) IPA.notify_success(done[0].summary);
                    else if (done.length) IPA.notify_success(verb.label + ': ' + done.length + ' sessions');
                    facet.on_update.notify();
                    if (verb.leaves_page && facet.name === 'details') facet.redirect();
                    else facet.refresh();
                };
                batch.on_error = () => facet.refresh();
                batch.execute();
            };
            return that;
        };
    }

    function describe(sessions) {
        const names = sessions.map(session => session.user + ' on ' + session.host);
        if (names.length === 1) return 'the session of ' + names[0] + ' (recording ' + sessions[0].recording + ')';
        const more = names.length > NAMED ? ' and ' + (names.length - NAMED) + ' more' : '';
        return 'the ' + names.length + ' sessions of ' + names.slice(0, NAMED).join(', ') + more;
    }

    // A line of the page of one session.
    function session_row(name, content, label) {
        return {
            $factory: function(spec) {
                const that = IPA.input_widget(spec);
                that.create = function(container) {
                    that.widget_create(container);
                    that.node = $('<p/>', { 'class': 'form-control-static', name: name }).appendTo(container);
                };
                that.update = function() {
                    const data = that.facet.data;
                    if (data) that.node.empty().append(as_nodes(content(session_of(data.result.result))));
                };
                that.clear = function() {
                    that.node.empty();
                };
                return that;
            },
            name: name,
            label: label
        };
    }

    function as_nodes(content) {
        return typeof content === 'string' ? document.createTextNode(content) : content;
    }

    function host_link(session) {
        return $('<a/>', {
            text: session.host,
            href: '#' + navigation.get_entity_hash('host', 'details', [session.host])
        });
    }

    function policy_links(session) {
        const list = $('<span/>');
        session.policies.forEach(function(name, index) {
            if (index) list.append(', ');
            $('<a/>', {
                text: name,
                href: '#' + navigation.get_entity_hash('recordingpolicy', 'details', [name])
            }).appendTo(list);
        });
        return list;
    }

    const rows = [
        session_row('cn', session => session.recording, 'Recording'),
        session_row('uid', session => session.user, 'User'),
        session_row('host', host_link, 'Host'),
        session_row('iparecordingstart', session => time_text(session.start), 'Since'),
        session_row('iparecordingstate', state_content, 'State'),
        session_row('iparecordingwanted', wanted_text, 'Wanted'),
        session_row('seen', session => time_text(session.seen), 'Host last heard of'),
        session_row('iparecordingpolicy', policy_links, 'Policy'),
        session_row('iparecordingterminal', session => session.terminal, 'Terminal'),
        session_row('iparecordingfrom', session => session.from, 'From')
    ];

    const list_page = {
        $type: 'search',
        $factory: session_list,
        no_update: true,
        search_all_entries: true,
        sort_enabled: false,
        columns: [
            column('cn', session => $('<a/>', { text: session.recording, href: details_hash(session) }), 'Recording'),
            column('uid', session => session.user, 'User'),
            column('host', session => session.host, 'Host'),
            column('iparecordingstart', session => time_text(session.start), 'Since'),
            column('iparecordingstate', state_content, 'State'),
            column('iparecordingwanted', wanted_text, 'Wanted'),
            column('iparecordingfrom', session => session.from, 'From')
        ],
        actions: Object.keys(verbs).map(
            name => verb_action(name, { enable_cond: ['item-selected'], enabled: false })),
        control_buttons: Object.keys(verbs).map(
            name => ({ name: name, label: verbs[name].label, icon: verbs[name].icon }))
    };

    const details_page = {
        $type: 'details',
        $factory: session_details,
        no_update: true,
        refresh_attribute: 'host',
        actions: Object.keys(verbs).map(name => verb_action(name, verbs[name].page)),
        header_actions: Object.keys(verbs),
        state: {
            evaluators: [session_evaluator, { $factory: IPA.acl_state_evaluator, attribute: 'iparecordingwanted' }]
        },
        fields: rows.map(row => (
            { name: row.name, widget: 'session.' + row.name, label: row.label, read_only: true })),
        widgets: [{ $type: 'details_section', name: 'session', label: 'Session', widgets: rows }]
    };

    return {
        spec: {
            name: 'recordedsession',
            facets: [list_page, details_page]
        }
    };
});
