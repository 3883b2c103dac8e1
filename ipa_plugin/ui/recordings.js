// All recordings, also of sessions that have ended: the list and the player of the server on which they are watched.
define([
    'freeipa/ipa',
    'freeipa/metadata',
    './player',
    'freeipa/details',
    'freeipa/entity'
], function(IPA, metadata, player) {
    'use strict';

    // An entity made of a command, as there is no object behind it.
    function recordings_entity(spec) {
        const that = IPA.entity(spec);
        that.get_default_metadata = function() {
            return metadata.get('@mc:recordingplayer_ticket');
        };
        return that;
    }

    function recordings_facet(spec) {
        spec.control_buttons = [];
        const that = IPA.details_facet(spec);

        that.refresh = function() {};
        that.is_dirty = function() {
            return false;
        };

        const show = that.show;
        that.show = function() {
            show();
            that.widgets.get_widget('recordings.frame').open('/sessions?embed=1');
        };

        const hide = that.hide;
        that.hide = function() {
            that.widgets.get_widget('recordings.frame').close();
            hide();
        };
        return that;
    }

    return {
        factory: recordings_entity,
        spec: {
            name: 'recordings',
            defines_key: false,
            facets: [{
                $type: 'details',
                $factory: recordings_facet,
                title: 'Recordings',
                label: 'Recordings',
                no_update: true,
                disable_breadcrumb: true,
                disable_facet_tabs: true,
                fields: [],
                widgets: [player.section('recordings', '', { title: 'Recordings', height: '80vh' })]
            }]
        }
    };
});
