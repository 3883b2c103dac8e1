// The configuration: what holds for policies that leave it open.
define(['./settings', 'freeipa/details', 'freeipa/entity'], function(settings) {
    'use strict';

    return {
        spec: {
            name: 'recordingconfig',
            defines_key: false,
            facets: [{
                $type: 'details',
                title: 'Session Recording Configuration',
                disable_breadcrumb: true,
                disable_facet_tabs: true,
                fields: settings.fields().concat([
                    { name: 'iparecordingheartbeat', widget: 'hosts.iparecordingheartbeat' },
                    { name: 'iparecordingplayerurl', widget: 'player.iparecordingplayerurl' }
                ]),
                widgets: settings.sections(
                    {
                        setting: 'nothing',
                        audit: 'a policy that sets any of them does without all of them'
                    },
                    [settings.option('deny'), settings.option('allow')]
                ).concat([{
                    $type: 'details_section',
                    name: 'hosts',
                    label: 'Hosts',
                    widgets: [{
                        name: 'iparecordingheartbeat',
                        measurement_unit: 'seconds',
                        tooltip: 'How often a host with recorded sessions reports. A session of a host that has ' +
                            'not been heard of for three times as long is stale.'
                    }]
                }, {
                    $type: 'details_section',
                    name: 'player',
                    label: 'Player',
                    widgets: [{
                        name: 'iparecordingplayerurl',
                        tooltip: 'The server on which recordings are watched, as https://auditor.example.com. Its ' +
                            'player is shown on the pages of recorded sessions.'
                    }]
                }])
            }]
        }
    };
});
