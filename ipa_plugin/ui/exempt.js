// The page of a policy that exempts.
define(['dojo/on', 'freeipa/ipa', 'freeipa/jquery', './settings'], function(on, IPA, $, settings) {
    'use strict';

    // Nothing is recorded of who is exempt: the settings are emptied, since the server refuses an exempt policy that
    // has some, and a sentence stands in their place.
    function policy() {
        const that = IPA.facet_policy();
        let exempt = false;

        that.init = function() {
            on(that.container.fields.get_field('iparecordingaction'), 'value-change', that.follow_action);
        };

        that.post_create = function() {
            that.sections().forEach(function(section) {
                section.exempt_note = $('<p/>', {
                    'class': 'help-block',
                    text: 'Nothing: this policy exempts from recording. Choose the action "record" to set this.',
                    css: { display: 'none' }
                }).insertAfter(section.header);
            });
            that.show_settings(!exempt);
        };

        that.post_load = function() {
            that.follow_action();
        };

        that.follow_action = function() {
            const now = that.container.fields.get_field('iparecordingaction').get_value()[0] === 'exempt';
            if (now === exempt) return;
            exempt = now;
            that.show_settings(!exempt);
            settings.fields().forEach(function(spec) {
                const field = that.container.fields.get_field(spec.name);
                if (!exempt) field.reset();
                else if (field.get_value().some(value => value !== '')) field.set_value([]);
            });
        };

        that.sections = function() {
            return ['recording', 'audit'].map(name => that.container.widgets.get_widget(name));
        };

        that.show_settings = function(shown) {
            that.sections().forEach(function(section) {
                if (!section.exempt_note) return;
                section.exempt_note.toggle(!shown);
                section.content_container.toggle(shown);
            });
        };
        return that;
    }

    return { policy: policy };
});
