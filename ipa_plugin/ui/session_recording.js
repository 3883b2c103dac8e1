// Session recording in FreeIPA's web UI: who is recorded where, and the sessions that are going on.
//
// FreeIPA loads plugins/session_recording/session_recording.js; the modules beside it are loaded by their relative
// names. Labels are literal: FreeIPA translates only what its own catalogue holds.
define([
    'freeipa/menu',
    'freeipa/phases',
    'freeipa/reg',
    './policies',
    './configuration',
    './policy_test',
    './recordings',
    './sessions'
], function(menu, phases, reg, policies, configuration, policy_test, recordings, sessions) {
    'use strict';

    phases.on('registration', function() {
        [policies, configuration, policy_test, recordings, sessions].forEach(function(page) {
            reg.entity.register({ type: page.spec.name, factory: page.factory, spec: page.spec });
        });
    });

    // Runs after FreeIPA has made its own menu. Who has no role sees the self-service menu, which has no Policy.
    phases.on('profile', function() {
        if (!menu.query({ name: 'policy' }).total || !reg.entity.get('recordingpolicy')) return;
        menu.add_item({
            name: 'session_recording',
            label: 'Session Recording',
            children: [
                { entity: 'recordingpolicy', label: 'Policies' },
                { entity: 'recordedsession', label: 'Recorded Sessions' },
                { entity: 'recordings', label: 'Recordings' },
                { entity: 'recordingpolicy_test', label: 'Test' },
                { entity: 'recordingconfig', label: 'Configuration' }
            ]
        }, 'policy');
    }, 20);
});
