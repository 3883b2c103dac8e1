// A recorded session as plain values, and how they read. A value that cannot be parsed is shown as it is.
define(['freeipa/datetime', 'freeipa/jquery', 'freeipa/rpc'], function(datetime, $, rpc) {
    'use strict';

    // So many sessions are named in a question before "and N more".
    const NAMED = 5;

    // A record of recordedsession-find or -show as plain values.
    function session_of(record) {
        const first = name => {
            const values = rpc.extract_objects([].concat(record[name] === undefined ? [] : record[name]).slice());
            return values.length ? values[0] : '';
        };
        const all = name => [].concat(record[name] || []).map(String);
        return {
            recording: String(first('cn')),
            host: String(first('host')),
            user: String(first('uid')),
            start: String(first('iparecordingstart')),
            seen: String(first('seen')),
            state: String(first('iparecordingstate')),
            wanted: String(first('iparecordingwanted')),
            wanted_by: String(first('wantedby')),
            policies: all('iparecordingpolicy'),
            terminal: String(first('iparecordingterminal')),
            from: String(first('iparecordingfrom')),
            stale: [true, 'TRUE', 'true', 'True'].includes(first('stale'))
        };
    }

    // What tells a session from all others, as text.
    function key_of(session) {
        return JSON.stringify([session.host, session.recording]);
    }

    function time_text(value) {
        const date = datetime.parse(value);
        return date ? datetime.format(date) : value;
    }

    function badge(kind, text, title) {
        return $('<span/>', { 'class': 'label label-' + kind, text: text, title: title || '' });
    }

    function state_content(session) {
        const kinds = { running: 'success', suspended: 'warning' };
        const kind = !session.stale && Object.hasOwn(kinds, session.state) ? kinds[session.state] : 'default';
        const badges = [badge(kind, session.state)];
        if (session.stale) {
            badges.push(' ', badge('danger', 'stale', 'Last heard of: ' + (time_text(session.seen) || 'never')));
        }
        return badges;
    }

    // What was asked for, until the host has done it.
    function wanted_text(session) {
        const done = session.wanted === 'terminated' ? 'ended' : session.wanted;
        if (!session.wanted || done === session.state) return session.wanted;
        return session.wanted + ' (asked)';
    }

    // Sessions as the object of a sentence.
    function describe(sessions) {
        const names = sessions.map(session => session.user + ' on ' + session.host);
        if (names.length === 1) return 'the session of ' + names[0] + ' (recording ' + sessions[0].recording + ')';
        const more = names.length > NAMED ? ' and ' + (names.length - NAMED) + ' more' : '';
        return 'the ' + names.length + ' sessions of ' + names.slice(0, NAMED).join(', ') + more;
    }

    return {
        session_of: session_of,
        key_of: key_of,
        time_text: time_text,
        state_content: state_content,
        wanted_text: wanted_text,
        describe: describe
    };
});
