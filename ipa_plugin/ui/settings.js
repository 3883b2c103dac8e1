// What is recorded and audited: the fields that a policy and the configuration have in common.
define(['freeipa/ipa', 'freeipa/jquery'], function(IPA, $) {
    'use strict';

    const NONE = 'none';

    // Checkboxes of which `none` stands alone: ticking it unticks the others, and the other way round.
    function exclusive_checkboxes(spec) {
        spec.layout = 'inline';
        const that = IPA.checkboxes_widget(spec);
        const notify = that.on_input_change;

        that.on_input_change = function(event) {
            const input = event.target;
            if (input.checked) {
                $(that._selector, that.$node).each(function() {
                    if ((this.value === NONE) !== (input.value === NONE)) this.checked = false;
                });
            }
            notify(event);
        };
        return that;
    }

    // A line of explanation in a section.
    function note(spec) {
        const that = IPA.widget(spec);
        that.create = function(container) {
            that.widget_create(container);
            $('<p/>', { 'class': 'form-control-static help-block', text: spec.text }).appendTo(container);
        };
        that.focus_input = function() {};
        return that;
    }

    function note_row(name, text) {
        return { $factory: note, name: name, label: '', text: text };
    }

    function option(value, label) {
        return { value: value, label: label || value };
    }

    // Fields of the sections below. `widget` of each is SECTION.NAME. Made anew for each page: FreeIPA's builders write
    // into them.
    const fields = () => [
        { $type: 'checkboxes', name: 'iparecordingcapture', widget: 'recording.iparecordingcapture' },
        { name: 'iparecordingnotice', widget: 'recording.iparecordingnotice' },
        { $type: 'select', name: 'iparecordingonfailure', widget: 'recording.iparecordingonfailure' },
        { $type: 'checkboxes', name: 'iparecordingaudit', widget: 'audit.iparecordingaudit' },
        { $type: 'multivalued', name: 'iparecordingauditchanges', widget: 'audit.iparecordingauditchanges' },
        { $type: 'multivalued', name: 'iparecordingauditreads', widget: 'audit.iparecordingauditreads' }
    ];

    // `unset`: what it means that a setting is left open, as a sentence for a section's note; `on_failure`: the
    // options of that list.
    function sections(unset, on_failure) {
        return [
            {
                $type: 'details_section',
                name: 'recording',
                label: 'What is recorded',
                widgets: [
                    {
                        $factory: exclusive_checkboxes,
                        name: 'iparecordingcapture',
                        tooltip: 'Nothing ticked: ' + unset.setting + '. "none" records no terminal at all; the ' +
                            'session and what is audited during it are still on record.',
                        options: ['output', 'input', 'resize', 'command-bytes', NONE].map(value => option(value))
                    },
                    {
                        name: 'iparecordingnotice',
                        tooltip: 'One line that is shown at the start of a recorded session. Empty: ' +
                            unset.setting + '.'
                    },
                    {
                        $type: 'select',
                        name: 'iparecordingonfailure',
                        tooltip: 'Whether a session that cannot be recorded is refused or goes on unrecorded.',
                        options: on_failure
                    }
                ]
            },
            {
                $type: 'details_section',
                name: 'audit',
                label: 'What is audited',
                widgets: [
                    {
                        $factory: exclusive_checkboxes,
                        name: 'iparecordingaudit',
                        tooltip: 'exec: programs that are started. network: connections that are made. none: ' +
                            'nothing, and no paths either.',
                        options: ['exec', 'network', NONE].map(value => option(value))
                    },
                    {
                        $type: 'multivalued',
                        name: 'iparecordingauditchanges',
                        tooltip: 'Absolute paths, as /etc: files below them that are written, made, renamed or ' +
                            'removed.'
                    },
                    {
                        $type: 'multivalued',
                        name: 'iparecordingauditreads',
                        tooltip: 'Absolute paths, as /srv/secret: files below them that are opened for reading.'
                    },
                    note_row('note', 'These three are one setting: ' + unset.audit + '.')
                ]
            }
        ];
    }

    return { fields: fields, sections: sections, option: option };
});
