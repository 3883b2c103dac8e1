// The page of the server on which recordings are watched, in a frame.
//
// That server is another one, and knows nobody who is signed in here. So FreeIPA gets a Kerberos ticket for it in the
// name of its user, and the frame begins by posting that: nobody is asked again. What is in the frame is that server's;
// nothing of this page can be reached from there.
define(['freeipa/ipa', 'freeipa/jquery', 'freeipa/rpc'], function(IPA, $, rpc) {
    'use strict';

    let frames = 0;

    // A widget with a frame. `that.open(path)` shows a page of the player, unless it is the one that is shown;
    // `that.close()` ends what goes on in it.
    function player_widget(spec) {
        const that = IPA.widget(spec);
        let shown = null;

        that.create = function(container) {
            that.widget_create(container);
            that.node = $('<div/>', { name: 'player' }).appendTo(container);
        };

        that.open = function(path) {
            if (path === shown) return;
            shown = path;
            rpc.command({ method: 'recordingplayer_ticket', retry: false }).execute().then(
                answer => shown === path && that.show_frame(answer.data.result.result, path),
                failure => shown === path && that.show_reason(failure.error_thrown));
        };

        that.close = function() {
            shown = null;
            that.node.empty();
        };

        that.show_frame = function(player, path) {
            const name = 'session-recording-' + (frames += 1);
            const frame = $('<iframe/>', {
                name: name,
                title: spec.title,
                allow: 'fullscreen; clipboard-write',
                css: { width: '100%', height: spec.height, border: '1px solid #bbb' }
            });
            const form = $('<form/>', {
                method: 'post',
                action: player.url + '/sign-in/ticket',
                target: name,
                css: { display: 'none' }
            }).append(
                $('<input/>', { type: 'hidden', name: 'ticket', value: player.ticket }),
                $('<input/>', { type: 'hidden', name: 'next', value: path }));
            that.node.empty().append(frame, form);
            form[0].submit();
            form.remove();
        };

        // Where there is no player, nothing is missing.
        that.show_reason = function(error) {
            that.node.empty();
            if (!spec.quiet || error.name !== 'NotFound') {
                $('<p/>', { 'class': 'help-block', text: error.message }).appendTo(that.node);
            }
        };

        that.clear = function() {};
        that.focus_input = function() {};
        return that;
    }

    // The section of a page that has it.
    function section(name, label, widget) {
        return {
            $factory: IPA.section,
            name: name,
            label: label,
            layout_css_class: 'col-sm-12',
            widgets: [$.extend({ $factory: player_widget, name: 'frame' }, widget)]
        };
    }

    return { section: section };
});
