// Policies: the list, the dialog that adds one, and the page of one.
define([
    'freeipa/ipa',
    'freeipa/jquery',
    'freeipa/navigation',
    'freeipa/rpc',
    './exempt',
    './rights',
    './settings',
    'freeipa/association',
    'freeipa/details',
    'freeipa/entity',
    'freeipa/rule',
    'freeipa/search'
], function(IPA, $, navigation, rpc, exempt, rights, settings) {
    'use strict';

    // Members are removed before the category is set that excludes them.
    const REMOVE_MEMBERS = IPA.config.default_priority - 1;

    const action_options = [settings.option('record'), settings.option('exempt')];

    // The list. Each policy is fetched with the rights that the caller has on it, so that who may only read is not
    // offered what the server would refuse.
    function search_facet(spec) {
        const that = IPA.search_facet(spec, true);
        that.records_loaded = IPA.observer();

        that.create_get_records_command = function(records, pkeys, on_success, on_error) {
            const batch = that.table_facet_create_get_records_command(records, pkeys, on_success, on_error);
            batch.args.forEach(call => $.extend(call.params[1], { all: true, rights: true }));
            return batch;
        };

        that.load_records = function(records) {
            that.table_facet_load_records(records);
            that.records_loaded.notify([records]);
        };

        that.init_search_facet();
        return that;
    }

    function read_only_evaluator() {
        const that = IPA.state_evaluator({ name: 'policy_rights', event: 'records_loaded' });

        that.on_event = function(records) {
            const old = that.state;
            const changeable = records.some(record => rights.may_write(record, 'ipaenabledflag'));
            that.state = records.length && !changeable ? ['read-only'] : [];
            that.notify_on_change(old);
        };
        return that;
    }

    // A change of members or categories is several commands, of which the answer of the last need not be the policy.
    function details_facet(spec) {
        const that = IPA.details_facet(spec);

        that.update_on_success = function() {
            that.refresh();
            that.on_update.notify();
            that.nofify_update_success();
        };
        return that;
    }

    // Asks for a new name and goes to the page of that name.
    function rename_action() {
        const that = IPA.action({ name: 'rename', label: 'Rename', show_cond: ['writable'] });

        that.execute_action = function(facet) {
            const dialog = IPA.dialog({
                name: 'rename',
                title: 'Rename policy',
                fields: [{ name: 'rename', label: 'New name', required: true }]
            });
            IPA.confirm_mixin().apply(dialog);

            dialog.on_confirm = function() {
                if (!dialog.validate()) return;
                const name = dialog.get_field('rename').save()[0];
                rpc.command({
                    entity: facet.entity.name,
                    method: 'mod',
                    args: facet.get_pkeys(),
                    options: { rename: name },
                    on_success: function(data) {
                        dialog.close();
                        facet.on_update.notify();
                        if (facet.is_dirty()) facet.reset();
                        navigation.show_entity(facet.entity.name, 'details', [name]);
                        IPA.notify_success(data.result.summary);
                    }
                }).execute();
            };
            dialog.create_button({ name: 'rename', label: 'Rename', click: dialog.on_confirm });
            dialog.create_button({ name: 'cancel', label: '@i18n:buttons.cancel', click: dialog.close });
            dialog.open();
        };
        return that;
    }

    // Who or where: everything, or members in two tables.
    function members_section(name, label, category, attribute, all_label, some_label, kinds) {
        return {
            $factory: IPA.section,
            name: name,
            label: label,
            widgets: [{
                $factory: IPA.rule_details_widget,
                name: 'rule',
                radio_name: category,
                options: [settings.option('all', all_label), settings.option('', some_label)],
                tables: kinds.map(kind => ({ name: attribute + '_' + kind.entity })),
                widgets: kinds.map(kind => ({
                    $type: 'rule_association_table',
                    id: 'recordingpolicy-' + attribute + '_' + kind.entity,
                    name: attribute + '_' + kind.entity,
                    add_method: 'add_' + name,
                    remove_method: 'remove_' + name,
                    add_title: 'Add ' + kind.label + ' to policy ${primary_key}',
                    remove_title: 'Remove ' + kind.label + ' from policy ${primary_key}'
                }))
            }]
        };
    }

    function members_fields(name, category, attribute, kinds) {
        return [{ $type: 'radio', name: category, widget: name + '.rule.' + category }].concat(
            kinds.map(kind => ({
                $type: 'rule_association_table',
                name: attribute + '_' + kind.entity,
                widget: name + '.rule.' + attribute + '_' + kind.entity,
                priority: REMOVE_MEMBERS
            })));
    }

    const user_kinds = [{ entity: 'user', label: 'users' }, { entity: 'group', label: 'user groups' }];
    const host_kinds = [{ entity: 'host', label: 'hosts' }, { entity: 'hostgroup', label: 'host groups' }];

    const list_page = {
        $type: 'search',
        $factory: search_facet,
        row_enabled_attribute: 'ipaenabledflag',
        columns: [
            'cn',
            { name: 'ipaenabledflag', label: '@i18n:status.label', formatter: 'boolean_status' },
            'iparecordingaction',
            'iparecordingorder',
            'description'
        ],
        state: { evaluators: [read_only_evaluator] },
        custom_actions: ['add', 'batch_remove'].map(type => (
            { $type: type, hide_cond: ['self-service', 'read-only'] })),
        actions: ['batch_disable', 'batch_enable'].map(type => ({ $type: type, hide_cond: ['read-only'] })),
        control_buttons: [
            { name: 'disable', label: '@i18n:buttons.disable', icon: 'fa-minus' },
            { name: 'enable', label: '@i18n:buttons.enable', icon: 'fa-check' }
        ]
    };

    const details_page = {
        $type: 'details',
        $factory: details_facet,
        command_mode: 'info',
        policies: [exempt.policy],
        actions: [
            { $type: 'enable', show_cond: ['writable'] },
            { $type: 'disable', show_cond: ['writable'] },
            rename_action,
            { $type: 'delete', show_cond: ['writable'] }
        ],
        header_actions: ['enable', 'disable', 'rename', 'delete'],
        state: {
            evaluators: [
                { $factory: IPA.enable_state_evaluator, field: 'ipaenabledflag' },
                rights.writable('ipaenabledflag')
            ],
            summary_conditions: [IPA.enabled_summary_cond, IPA.disabled_summary_cond]
        },
        fields: [
            { name: 'cn', read_only: true, widget: 'general.cn' },
            { $type: 'textarea', name: 'description', widget: 'general.description' },
            { $type: 'radio', name: 'iparecordingaction', widget: 'general.iparecordingaction' },
            { name: 'iparecordingorder', widget: 'general.iparecordingorder' }
        ].concat(
            members_fields('user', 'usercategory', 'memberuser', user_kinds),
            members_fields('host', 'hostcategory', 'memberhost', host_kinds),
            settings.fields()),
        widgets: [
            {
                $type: 'details_section',
                name: 'general',
                label: '@i18n:details.general',
                widgets: [
                    { name: 'cn' },
                    { $type: 'textarea', name: 'description', rows: 2 },
                    { $type: 'radio', name: 'iparecordingaction', options: action_options },
                    {
                        name: 'iparecordingorder',
                        tooltip: 'Of the enabled policies that match, those of the highest order decide.'
                    }
                ]
            },
            members_section('user', 'Who', 'usercategory', 'memberuser', 'Anyone', 'Specified Users and Groups',
                user_kinds),
            members_section('host', 'Where', 'hostcategory', 'memberhost', 'Any Host',
                'Specified Hosts and Groups', host_kinds)
        ].concat(settings.sections(
            {
                setting: 'as configured',
                audit: 'if any of them is set here, they apply as they stand here; if none is, the ' +
                    'configuration\'s apply'
            },
            [settings.option('', 'as configured'), settings.option('deny'), settings.option('allow')]))
    };

    return {
        spec: {
            name: 'recordingpolicy',
            facets: [list_page, details_page],
            adder_dialog: {
                title: 'Add Session Recording Policy',
                fields: [
                    'cn',
                    {
                        $type: 'radio',
                        name: 'iparecordingaction',
                        options: action_options,
                        default_value: 'record'
                    },
                    'iparecordingorder',
                    { $type: 'textarea', name: 'description', rows: 2 }
                ]
            },
            deleter_dialog: { title: 'Remove Session Recording Policies' }
        }
    };
});
