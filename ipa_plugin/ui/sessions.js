// Recorded sessions that are going on: a list that keeps itself up to date, the page of one, and what an auditor can
// ask of them.
//
// All values come from hosts, which are not trusted: they are only ever set as text and never become part of a
// selector. A recording's id is unique on its host only; each command therefore names the host as well.
define([
    'freeipa/ipa',
    'freeipa/jquery',
    'freeipa/navigation',
    './player',
    './rights',
    './session_actions',
    './session_values',
    'freeipa/details',
    'freeipa/entity',
    'freeipa/search'
], function(IPA, $, navigation, player, rights, actions, values) {
    'use strict';

    const REFRESH_MS = 10 * 1000;
    // Each refresh prolongs the login, so the list stops when nobody sits in front of it.
    const IDLE_MS = 10 * 60 * 1000;

    function details_hash(session) {
        return '#' + navigation.get_entity_hash(
            'recordedsession', 'details', [session.recording], { host: session.host });
    }

    // A column whose cell is what `content` makes of a session: text or DOM nodes.
    function session_column(spec) {
        const that = IPA.column(spec);
        that.setup = function(container, record) {
            const content = spec.content(values.session_of(record));
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

        // Who may not see sessions is told so on the page, without a dialog that offers to try again.
        that.create_refresh_command = function() {
            const command = that.search_facet_create_refresh_command();
            command.retry = false;
            return command;
        };

        that.get_records_map = function(data) {
            const records = $.ordered_map();
            const keys = $.ordered_map();
            data.result.result
                .map(record => ({ record: record, session: values.session_of(record) }))
                .sort((a, b) => b.session.start.localeCompare(a.session.start))
                .forEach(function(entry) {
                    const key = values.key_of(entry.session);
                    records.put(key, entry.record);
                    keys.put(key, entry.session.recording);
                });
            return { records_map: records, pkeys_map: keys };
        };

        that.add_record = function(record) {
            const session = values.session_of(record);
            const row = that.table.add_record(record);
            row.find('input[type=checkbox]').val(values.key_of(session));
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
            return (that.table.records || []).map(values.session_of)
                .filter(session => selected.includes(values.key_of(session)));
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
            that.table.unselect_all();
            hide();
        };

        // Without what a refresh on demand does: taking the focus, the sign that something is going on, and a
        // dialog should it fail.
        that.refresh_quietly = function() {
            const idle = Date.now() - last_input > IDLE_MS;
            if (idle || document.hidden || IPA.opened_dialogs.dialogs.length || that.error_displayed()) return;
            const command = that.create_refresh_command();
            command.notify_globally = false;
            command.execute().then(answer => that.is_shown && that.load(answer.data), () => {});
        };
        return that;
    }

    function session_details(spec) {
        const that = IPA.details_facet(spec);

        that.get_selected_sessions = function() {
            return [values.session_of(that.data.result.result)];
        };

        // The picture goes on while what is known of the session is loaded anew.
        const load = that.load;
        that.load = function(data) {
            load(data);
            const session = values.session_of(data.result.result);
            that.widgets.get_widget('player.frame').open(
                '/watch/' + encodeURIComponent(session.recording) + '?embed=1');
        };

        const hide = that.hide;
        that.hide = function() {
            that.widgets.get_widget('player.frame').close();
            hide();
        };
        return that;
    }

    // States of the page of one session, for the conditions of its actions.
    function session_evaluator() {
        const that = IPA.state_evaluator({ name: 'session_state', event: 'post_load' });

        that.on_event = function(data) {
            const old = that.state;
            const session = values.session_of(data.result.result);
            const ended = session.state === 'ended';
            that.state = [session.stale || ended ? 'gone' : 'going-on'];
            if (ended) that.state.push('ended');
            if (session.state === 'suspended' || session.wanted === 'suspended') that.state.push('suspended');
            that.notify_on_change(old);
        };
        return that;
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
                    if (data) that.node.empty().append(as_nodes(content(values.session_of(data.result.result))));
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
        session_row('iparecordingstart', session => values.time_text(session.start), 'Since'),
        session_row('iparecordingstate', values.state_content, 'State'),
        session_row('iparecordingwanted', values.wanted_text, 'Wanted'),
        session_row('wantedby', session => session.wanted_by, 'Asked for by'),
        session_row('seen', session => values.time_text(session.seen), 'Host last heard of'),
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
            column('iparecordingstart', session => values.time_text(session.start), 'Since'),
            column('iparecordingstate', values.state_content, 'State'),
            column('iparecordingwanted', values.wanted_text, 'Wanted'),
            column('iparecordingfrom', session => session.from, 'From')
        ],
        actions: actions.on_list(),
        control_buttons: actions.buttons()
    };

    const details_page = {
        $type: 'details',
        $factory: session_details,
        no_update: true,
        disable_facet_tabs: true,
        refresh_attribute: 'host',
        actions: actions.on_page(),
        control_buttons: actions.buttons(),
        state: {
            evaluators: [session_evaluator, rights.writable('iparecordingwanted')]
        },
        fields: rows.map(row => (
            { name: row.name, widget: 'session.' + row.name, label: row.label, read_only: true })),
        widgets: [
            player.section('player', '', { title: 'Player of the session', height: '70vh', quiet: true }),
            { $type: 'details_section', name: 'session', label: 'Session', widgets: rows }
        ]
    };

    return {
        spec: {
            name: 'recordedsession',
            facets: [list_page, details_page]
        }
    };
});
