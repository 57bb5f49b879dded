use super::super::tests::command;
use super::*;

async fn programs(commands: &[&Arc<Command>]) -> Arc<Programs> {
    let programs = Arc::new(Programs::new(Handle::current(), ProgramMetrics::unread()));
    programs.follow(commands.iter().map(|command| command.print));
    programs
}

fn caller(name: &str) -> Subject {
    Subject::User(name.into())
}

async fn ended(programs: &Programs) {
    let begun = Instant::now();
    while !programs.lock().running.is_empty() {
        assert!(begun.elapsed() < Duration::from_secs(10), "{programs:?}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn so_many_run_and_no_more_and_none_is_left() {
    let command = Arc::new(command("cat", &[]));
    let programs = programs(&[&command]).await;
    // They have just begun, so none is idle enough to end for another.
    for name in ["ada", "bob"] {
        for _ in 0..MOST_OF_ONE {
            programs.start(&command, caller(name)).await.unwrap();
        }
        let refused = programs.start(&command, caller(name)).await.unwrap_err();
        assert_eq!(refused, NotStarted::TooMany);
    }
    let refused = programs.start(&command, caller("eve")).await.unwrap_err();
    assert_eq!(refused, NotStarted::TooMany);
    programs.end(Duration::from_secs(10)).await;
    assert!(programs.lock().running.is_empty());
    let refused = programs.start(&command, caller("ada")).await.unwrap_err();
    assert_eq!(refused, NotStarted::Ending);
    let counts = |end, refusal| programs.metrics.counts("test", end, refusal);
    assert_eq!(
        counts(ProgramEnd::Shutdown, ProgramRefusal::Limit),
        (0, 32, 32, 3)
    );
    assert_eq!(
        counts(ProgramEnd::Displaced, ProgramRefusal::Late),
        (0, 32, 0, 1)
    );
}

#[tokio::test]
async fn what_does_not_begin_is_not_tried_all_the_time() {
    let (bad, none) = (command("false", &[]), command("/no/such/program", &[]));
    let (bad, none) = (Arc::new(bad), Arc::new(none));
    let programs = programs(&[&bad, &none]).await;
    let refused = programs.start(&none, caller("ada")).await.unwrap_err();
    assert_eq!(refused, NotStarted::Failed(std::io::ErrorKind::NotFound));
    let refused = programs.start(&none, caller("ada")).await.unwrap_err();
    assert_eq!(refused, NotStarted::Pausing);
    programs.start(&bad, caller("ada")).await.unwrap();
    ended(&programs).await;
    let refused = programs.start(&bad, caller("ada")).await.unwrap_err();
    assert_eq!(refused, NotStarted::Pausing);
    let counts = |refusal| programs.metrics.counts("test", ProgramEnd::Broken, refusal);
    assert_eq!(counts(ProgramRefusal::Pause), (0, 1, 1, 2));
    assert_eq!(counts(ProgramRefusal::System), (0, 1, 1, 1));
    let mut kept = programs.lock();
    let now = Instant::now();
    for seconds in [2, 4, 8, 16, 32, 60, 60] {
        kept.begun_badly(bad.print, now);
        let wanted = Duration::from_secs(seconds);
        assert_eq!(kept.bad.get(&bad.print).unwrap().until, now + wanted);
    }
}

#[tokio::test]
async fn what_the_policy_has_no_more_ends() {
    let (one, other) = (command("cat", &[]), command("cat", &["-"]));
    let (one, other) = (Arc::new(one), Arc::new(other));
    let programs = programs(&[&one, &other]).await;
    let (gone, _) = programs.start(&one, caller("ada")).await.unwrap();
    let (stays, _) = programs.start(&other, caller("ada")).await.unwrap();
    assert!(programs.of(&one, &stays).is_none(), "it is another's");
    programs.follow([other.print]);
    let begun = Instant::now();
    while programs.of(&one, &gone).is_some() {
        assert!(begun.elapsed() < Duration::from_secs(10));
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!(programs.of(&other, &stays).is_some());
    while programs
        .metrics
        .counts("test", ProgramEnd::Changed, ProgramRefusal::Late)
        != (1, 2, 1, 0)
    {
        assert!(begun.elapsed() < Duration::from_secs(20));
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    programs.end_one(&stays);
    ended(&programs).await;
    let counted = programs
        .metrics
        .counts("test", ProgramEnd::Session, ProgramRefusal::Late);
    assert_eq!(counted, (0, 2, 1, 0));
    let refused = programs.start(&one, caller("ada")).await.unwrap_err();
    assert_eq!(refused, NotStarted::Changed);
}
