use super::*;

fn user(name: &str) -> Subject {
    Subject::User(name.into())
}

fn conversation<'a>(
    caller: &'a Subject,
    session: &'a str,
    trace: &'a str,
    id: &'a str,
) -> Conversation<'a> {
    Conversation {
        caller,
        session: Some(("web", session)).filter(|_| !session.is_empty()),
        trace: Some(trace),
        id: Some(id),
    }
}

/// As a rule asks that says nothing of its scope.
fn marked(taints: &Taints, conversation: &Conversation<'_>, now: Instant) -> bool {
    taints.taints(conversation, TaintScope::Conversation, now)
}

#[test]
fn the_table() {
    let danger = |egress, destructive| Danger {
        egress,
        destructive,
    };
    let rows = [
        (Taint::Block, false, danger(true, true), Verdict::Clear),
        (Taint::Block, true, danger(false, false), Verdict::Clear),
        (Taint::Block, true, danger(true, false), Verdict::Stopped),
        (Taint::Block, true, danger(false, true), Verdict::Stopped),
        (Taint::Audit, true, danger(true, false), Verdict::Told),
        (Taint::Audit, true, danger(false, false), Verdict::Clear),
        (Taint::Audit, false, danger(true, true), Verdict::Clear),
    ];
    for (action, marked, danger, expected) in rows {
        assert_eq!(
            judge(action, marked, danger),
            expected,
            "{action:?} {marked} {danger:?}"
        );
    }
}

#[test]
fn any_name_of_a_conversation_leads_to_its_mark_and_to_nobody_else_s() {
    let (taints, now) = (Taints::default(), Instant::now());
    let (ada, bob) = (user("ada"), user("bob"));
    taints.mark(&conversation(&ada, "s1", "t1", "c1"), now);
    let rows = [
        (&ada, "s1", "", "", true),
        (&ada, "", "t1", "", true),
        (&ada, "", "", "c1", true),
        // The same words in another place.
        (&ada, "t1", "c1", "s1", false),
        (&ada, "s2", "t2", "c2", false),
        (&ada, "s2", "", "", false),
        (&ada, "", "t2", "", false),
        // What says nothing of itself may be anything of the caller's.
        (&ada, "", "", "", true),
        (&bob, "s1", "t1", "c1", false),
        (&bob, "", "", "", false),
        // The trace goes on in another session, and takes the mark with it.
        (&ada, "s3", "t1", "", true),
        (&ada, "s3", "", "", true),
    ];
    for (caller, session, trace, id, expected) in rows {
        let of = conversation(caller, session, trace, id);
        assert_eq!(
            marked(&taints, &of, now),
            expected,
            "{session} {trace} {id}"
        );
    }
}

#[test]
fn what_cannot_be_told_apart_is_marked_together() {
    let (taints, now) = (Taints::default(), Instant::now());
    let ada = user("ada");
    let nameless = Conversation {
        caller: &ada,
        session: None,
        trace: None,
        id: None,
    };
    taints.mark(&nameless, now);
    assert!(marked(&taints, &conversation(&ada, "s", "t", "c"), now));
    assert!(!marked(
        &taints,
        &conversation(&user("bob"), "s", "t", "c"),
        now
    ));
}

#[test]
fn a_mark_lasts_while_its_conversation_does() {
    let (taints, began) = (Taints::default(), Instant::now());
    let ada = user("ada");
    let (kept, left) = (
        conversation(&ada, "kept", "", ""),
        conversation(&ada, "left", "", ""),
    );
    taints.mark(&kept, began);
    taints.mark(&left, began);
    for step in 1..10 {
        let now = began + LIFETIME / 2 * step;
        assert!(marked(&taints, &kept, now), "{step}");
    }
    assert!(!marked(&taints, &left, began + LIFETIME * 5));
    // Nobody asked for long.
    assert!(!marked(&taints, &kept, began + LIFETIME * 9));
    assert_eq!(taints.forgotten(), 0);
}

#[test]
fn a_caller_with_too_many_marks_is_marked_and_pushes_nobody_out() {
    let (taints, now) = (Taints::default(), Instant::now());
    let (ada, mallory) = (user("ada"), user("mallory"));
    taints.mark(&conversation(&ada, "s", "", ""), now);
    for number in 0..3 * MARKS {
        taints.mark(&conversation(&mallory, &number.to_string(), "", ""), now);
    }
    assert!(marked(&taints, &conversation(&mallory, "new", "", ""), now));
    assert!(marked(&taints, &conversation(&ada, "s", "", ""), now));
    assert!(!marked(&taints, &conversation(&ada, "other", "", ""), now));
    assert_eq!(taints.forgotten(), 0);
}

#[test]
fn more_marks_than_there_is_room_for_push_out_the_oldest_and_are_counted() {
    let (taints, now) = (Taints::default(), Instant::now());
    for number in 0..3 * MARKS {
        let caller = user(&number.to_string());
        taints.mark(&conversation(&caller, "s", "", ""), now);
    }
    let marked = |number: usize| {
        let caller = user(&number.to_string());
        marked(&taints, &conversation(&caller, "s", "", ""), now)
    };
    assert!(marked(3 * MARKS - 1) && marked(2 * MARKS));
    assert!(!marked(0));
    assert!(taints.forgotten() > 0);
}

#[test]
fn results_and_what_is_said_on_the_way_may_hold_text_and_lists_of_tools_do_not() {
    for method in [
        "tools/call",
        "resources/read",
        "resources/list",
        "prompts/get",
        "tasks/result",
        "notifications/message",
        "notifications/progress",
        "elicitation/create",
        "no/such",
    ] {
        assert!(may_hold_text(method), "{method}");
    }
    for method in [
        "initialize",
        "tools/list",
        "ping",
        "notifications/tools/list_changed",
    ] {
        assert!(!may_hold_text(method), "{method}");
    }
}

#[test]
fn what_nothing_tells_apart_is_one_conversation() {
    let now = Instant::now();
    let ada = user("ada");
    let of = |session: Option<(&'static str, &'static str)>, trace, id| Conversation {
        caller: &ada,
        session,
        trace,
        id,
    };
    let (web, mail) = (Some(("web", "1")), Some(("mail", "1")));
    let rows = [
        // A session tells nothing about another server.
        (of(web, None, None), of(mail, None, None), true),
        (
            of(web, None, None),
            of(Some(("web", "2")), None, None),
            false,
        ),
        // A trace that is left out, or begun, is no way out.
        (of(web, Some("t1"), None), of(mail, None, None), true),
        (of(web, None, None), of(mail, Some("t1"), None), true),
        (of(web, Some("t1"), None), of(mail, Some("t2"), None), false),
        (of(web, Some("t1"), None), of(mail, None, Some("c")), true),
        (of(None, Some("t1"), None), of(None, None, None), true),
        (
            of(None, None, Some("c1")),
            of(mail, None, Some("c2")),
            false,
        ),
    ];
    for (read, acts, expected) in rows {
        let taints = Taints::default();
        taints.mark(&read, now);
        assert_eq!(marked(&taints, &acts, now), expected, "{read:?} {acts:?}");
        // A guess marks nothing.
        let followed = taints.follow(&acts, now);
        assert!(!followed, "{read:?} {acts:?}");
        let by_caller = taints.taints(&acts, TaintScope::Caller, now);
        assert!(by_caller, "{read:?} {acts:?}");
        let bob = user("bob");
        let others = Conversation {
            caller: &bob,
            ..acts
        };
        assert!(!taints.taints(&others, TaintScope::Caller, now));
    }
}

#[test]
fn a_caller_with_sessions_of_many_servers_is_marked_as_a_whole() {
    let (taints, now) = (Taints::default(), Instant::now());
    let ada = user("ada");
    let servers: Vec<String> = (0..40).map(|number| format!("server-{number}")).collect();
    for server in &servers {
        taints.mark(
            &Conversation {
                caller: &ada,
                session: Some((server, "s")),
                trace: Some("t"),
                id: None,
            },
            now,
        );
    }
    assert!(marked(&taints, &conversation(&ada, "x", "y", "z"), now));
}

#[test]
fn without_any_mark_nothing_is_looked_up_and_after_the_last_one_neither() {
    let (taints, now) = (Taints::default(), Instant::now());
    let ada = user("ada");
    let of = conversation(&ada, "s", "t", "");
    assert!(!marked(&taints, &of, now) && !taints.any.load(Ordering::Acquire));
    taints.mark(&of, now);
    assert!(taints.any.load(Ordering::Acquire));
    assert!(!marked(&taints, &of, now + LIFETIME * 9));
    assert!(!taints.any.load(Ordering::Acquire));
}
