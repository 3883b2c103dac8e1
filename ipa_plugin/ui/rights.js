// What the caller may change, so that nobody is offered what the server would refuse.
define(['freeipa/ipa'], function(IPA) {
    'use strict';

    // Of a record that was fetched with its rights; true where the server does not tell. An attribute that may be set
    // to some values and not to others has no `w`, to write, but an `o`, to remove what it is.
    function may_write(record, attribute) {
        const rights = (record.attributelevelrights || {})[attribute];
        return rights === undefined || /[wo]/.test(rights);
    }

    // For a page of one entry: its state has 'writable' if the caller may write the attribute. (FreeIPA's own,
    // acl_state_evaluator, looks into a list where it has an object, and so finds that everything is allowed.)
    function writable(attribute) {
        return function() {
            const that = IPA.state_evaluator({ name: 'rights', event: 'post_load' });
            that.on_event = function(data) {
                const old = that.state;
                that.state = may_write(data.result.result, attribute) ? ['writable'] : [];
                that.notify_on_change(old);
            };
            return that;
        };
    }

    return { may_write: may_write, writable: writable };
});
