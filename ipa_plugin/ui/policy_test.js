// The test page: what the policies mean for a user on a host.
define([
    'freeipa/ipa',
    'freeipa/jquery',
    'freeipa/metadata',
    'freeipa/navigation',
    'freeipa/rpc',
    'freeipa/details',
    'freeipa/entity'
], function(IPA, $, metadata, navigation, rpc) {
    'use strict';

    // An entity made of a command, as there is no object behind it.
    function test_entity(spec) {
        const that = IPA.entity(spec);
        that.get_default_metadata = function() {
            return metadata.get('@mc:' + that.name);
        };
        return that;
    }

    // Shows the answer of recordingpolicy-test. All of it is set as text, never as HTML.
    function outcome_widget(spec) {
        const that = IPA.widget(spec);

        that.create = function(container) {
            that.widget_create(container);
            that.node = $('<div/>', { 'class': 'form-horizontal', name: 'outcome' }).appendTo(container);
        };

        that.clear = function() {
            that.node.empty();
        };

        that.show_error = function(message) {
            that.clear();
            that.node.append(alert_box('danger', message));
        };

        // `recorded` and the lists and words of the command's `result`, of which what is empty is absent.
        that.show_outcome = function(recorded, result) {
            that.clear();
            (result.error || []).forEach(message => that.node.append(alert_box('warning', message)));
            row('recorded', 'Recorded', words(recorded ? 'yes' : 'no'));
            row('decided', 'Decided by', policy_links(result.decided));
            if (recorded) {
                row('capture', 'Capture', words(result.capture));
                row('audit', 'Audit', words(result.audit));
                row('notice', 'Notice', lines(result.notice));
                row('onfailure', 'On failure', words(result.onfailure));
            }
            row('matched', 'Matched', policy_links(result.matched));
            row('notmatched', 'Not matched', policy_links(result.notmatched));
        };

        function row(name, label, content) {
            $('<div/>', { 'class': 'form-group' }).append(
                $('<div/>', { 'class': 'col-sm-3 control-label' }).append($('<label/>', { text: label })),
                $('<div/>', { 'class': 'col-sm-9 controls' }).append(
                    $('<p/>', { 'class': 'form-control-static', name: name }).append(content))
            ).appendTo(that.node);
        }
        return that;
    }

    function alert_box(kind, message) {
        const icon = { danger: 'pficon-error-circle-o', warning: 'pficon-warning-triangle-o' }[kind];
        return $('<div/>', { 'class': 'alert alert-' + kind }).append(
            $('<span/>', { 'class': 'pficon ' + icon }), $('<span/>', { text: message }));
    }

    function words(values) {
        return document.createTextNode([].concat(values || []).join(', ') || 'none');
    }

    function lines(text) {
        return text ? $('<span/>', { text: text, css: { 'white-space': 'pre-line' } }) : words();
    }

    function policy_links(names) {
        if (!names || !names.length) return words();
        const list = $('<span/>');
        names.forEach(function(name, index) {
            if (index) list.append(', ');
            $('<a/>', {
                text: name,
                href: '#' + navigation.get_entity_hash('recordingpolicy', 'details', [name])
            }).appendTo(list);
        });
        return list;
    }

    function test_facet(spec) {
        // There is nothing to refresh: the page asks when it is told to.
        spec.control_buttons = spec.control_buttons.filter(button => button.name !== 'refresh');
        const that = IPA.details_facet(spec);

        that.refresh = function() {};
        that.is_dirty = function() {
            return false;
        };

        that.outcome = function() {
            return that.widgets.get_widget('outcome.outcome');
        };

        that.run = function() {
            if (!that.validate()) return;
            const options = {
                user: that.get_field('user').save()[0],
                host: that.get_field('host').save()[0]
            };
            if (that.get_field('disabled').save()[0]) options.disabled = true;
            rpc.command({
                entity: 'recordingpolicy',
                method: 'test',
                options: options,
                retry: false
            }).execute().then(
                answer => that.outcome().show_outcome(answer.data.result.value, answer.data.result.result),
                failure => that.outcome().show_error(failure.error_thrown.message));
        };

        that.start_again = function() {
            that.reset();
            that.outcome().clear();
        };
        return that;
    }

    return {
        factory: test_entity,
        spec: {
            name: 'recordingpolicy_test',
            defines_key: false,
            facets: [{
                $type: 'details',
                $factory: test_facet,
                title: 'Session Recording Test',
                label: 'Session Recording Test',
                no_update: true,
                disable_breadcrumb: true,
                disable_facet_tabs: true,
                actions: [
                    { $factory: IPA.action, name: 'run', label: 'Run Test', handler: facet => facet.run() },
                    { $factory: IPA.action, name: 'again', label: 'New Test', handler: facet => facet.start_again() }
                ],
                control_buttons: [
                    { name: 'run', label: 'Run Test', icon: 'fa-gear' },
                    { name: 'again', label: 'New Test', icon: 'fa-repeat' }
                ],
                fields: [
                    { $type: 'entity_select', name: 'user', widget: 'subject.user', required: true, undo: false },
                    { $type: 'entity_select', name: 'host', widget: 'subject.host', required: true, undo: false },
                    { $type: 'checkbox', name: 'disabled', widget: 'subject.disabled', undo: false }
                ].map(field => $.extend(field, { autoload_value: false })),
                widgets: [
                    {
                        $type: 'details_section',
                        name: 'subject',
                        label: 'Whose session, and where',
                        layout_css_class: 'col-sm-12 col-md-6',
                        widgets: [
                            {
                                $type: 'entity_select', name: 'user', label: 'User',
                                other_entity: 'user', other_field: 'uid', editable: true
                            },
                            {
                                $type: 'entity_select', name: 'host', label: 'Host',
                                other_entity: 'host', other_field: 'fqdn', editable: true
                            },
                            {
                                $type: 'checkbox', name: 'disabled', label: 'Include disabled',
                                tooltip: 'Disabled policies too, as if they were enabled.'
                            }
                        ]
                    },
                    {
                        $factory: IPA.section,
                        name: 'outcome',
                        label: 'Outcome',
                        layout_css_class: 'col-sm-12 col-md-6',
                        widgets: [{ $factory: outcome_widget, name: 'outcome' }]
                    }
                ]
            }]
        }
    };
});
