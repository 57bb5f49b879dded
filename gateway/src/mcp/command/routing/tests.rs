use serde_json::{Value, json};

use super::*;

fn message(value: &Value) -> Message {
    Message::parse(value.to_string()).unwrap()
}

struct Client {
    told: mpsc::Receiver<String>,
    answered: oneshot::Receiver<String>,
}

/// A request with this id and token, under the number.
fn begin(routing: &mut Routing, number: u64, id: &Value, progress: Option<&Value>) -> Client {
    let mut request = json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": {}});
    if let Some(token) = progress {
        request["params"]["_meta"] = json!({"progressToken": token});
    }
    let (line, id, progress) = numbered(&message(&request), number);
    let line = message(&serde_json::from_str(&line).unwrap());
    assert_eq!(line.id(), Some(&*number.to_string()));
    if progress.is_some() {
        let token = line.meta("progressToken").unwrap();
        assert_eq!(token.as_u64(), Some(number));
    }
    let (before, told) = mpsc::channel(AHEAD);
    let (answer, answered) = oneshot::channel();
    let waiting = Waiting {
        id,
        progress,
        before: Some(before),
        answer,
    };
    routing.wait(number, waiting);
    Client { told, answered }
}

fn answer(routing: &mut Routing, id: &Value) {
    let answer = message(&json!({"jsonrpc": "2.0", "id": id, "result": {}}));
    routing.answer(&answer);
}

fn place(aside: &Aside) -> Option<Place> {
    match aside {
        Aside::To(place, _, _) => Some(*place),
        Aside::Kept(_) | Aside::Lost(_) => None,
    }
}

#[test]
fn what_changes_is_an_id_and_a_token_and_nothing_else() {
    let text = "{\"params\":{ \"_meta\":{\"progressToken\" : \"t\\u0061\"},\"x\":1.50},\n\"id\":\"a\\u0062\",\"jsonrpc\":\"2.0\",\"method\":\"m\"}";
    let (line, id, progress) = numbered(&Message::parse(text.to_owned()).unwrap(), 7);
    assert_eq!(
        line,
        "{\"params\":{ \"_meta\":{\"progressToken\" : 7},\"x\":1.50}, \"id\":7,\"jsonrpc\":\"2.0\",\"method\":\"m\"}"
    );
    assert_eq!(id, "\"a\\u0062\"");
    assert_eq!(progress.as_deref(), Some("\"t\\u0061\""));
}

#[test]
fn an_answer_goes_to_its_request_whatever_clients_call_theirs() {
    let mut routing = Routing::default();
    // The same id twice, and one that some programs write in the same way.
    let mut one = begin(&mut routing, 1, &json!(5), None);
    let mut two = begin(&mut routing, 2, &json!(5), None);
    let mut three = begin(&mut routing, 3, &json!(5.0), None);
    answer(&mut routing, &json!(9));
    answer(&mut routing, &json!("2"));
    answer(&mut routing, &json!(3));
    assert!(one.answered.try_recv().is_err() && two.answered.try_recv().is_err());
    assert!(three.answered.try_recv().unwrap().contains("\"id\":5.0"));
    answer(&mut routing, &json!(2));
    assert!(two.answered.try_recv().unwrap().contains("\"id\":5,"));
    // What was given up is not answered by what comes late.
    assert!(routing.give_up(1) && !routing.give_up(1));
    answer(&mut routing, &json!(1));
    assert!(one.answered.try_recv().is_err());
    assert!(!routing.is_used() && routing.has_answered);
}

#[test]
fn progress_is_of_its_request_under_the_token_of_its_client() {
    let mut routing = Routing::default();
    let token = json!("p");
    let mut one = begin(&mut routing, 1, &json!(1), Some(&token));
    let _two = begin(&mut routing, 2, &json!(2), Some(&token));
    let _three = begin(&mut routing, 3, &json!(3), None);
    let progress = |token: Value| {
        message(
            &json!({"jsonrpc": "2.0", "method": "notifications/progress", "params": {"progressToken": token, "progress": 1}}),
        )
    };
    match routing.aside(progress(json!(1))) {
        Aside::To(Place::Request(1), to, text) => {
            assert!(text.contains("\"progressToken\":\"p\""), "{text}");
            to.try_send(text).unwrap();
        }
        other => panic!("{:?}", place(&other)),
    }
    one.told.try_recv().unwrap();
    // Of nobody: the client's own token is not known here, the third wants none, the fourth is not there.
    for token in [json!("p"), json!(3), json!(4)] {
        assert!(matches!(routing.aside(progress(token)), Aside::Lost(_)));
    }
}

#[test]
fn what_a_program_says_by_itself_goes_to_whoever_can_hear_it() {
    let mut routing = Routing::default();
    let log = |number: usize| {
        message(
            &json!({"jsonrpc": "2.0", "method": "notifications/message", "params": {"data": number}}),
        )
    };
    let mut dropped = 0;
    for number in 0..MOST_PARKED + 2 {
        match routing.aside(log(number)) {
            Aside::Kept(old) => dropped += old.len(),
            other => panic!("{:?}", place(&other)),
        }
    }
    assert_eq!(dropped, 2);
    let (stream, mut heard) = mpsc::channel(AHEAD_OF_STREAM);
    routing.listen(stream);
    assert!(heard.try_recv().unwrap().contains("\"data\":2"));
    assert_eq!(heard.len(), MOST_PARKED - 1);

    let _one = begin(&mut routing, 1, &json!(1), None);
    let _two = begin(&mut routing, 2, &json!(2), None);
    let question = json!({"jsonrpc": "2.0", "id": 1, "method": "roots/list"});
    let to = routing.aside(message(&question));
    assert_eq!(
        place(&to),
        Some(Place::Stream),
        "the open stream comes first"
    );
    drop(heard);
    let to = routing.aside(message(&question));
    assert_eq!(
        place(&to),
        Some(Place::Request(2)),
        "then the newest request"
    );
    routing.close(Place::Request(2));
    assert_eq!(
        place(&routing.aside(message(&question))),
        Some(Place::Request(1))
    );
    routing.close(Place::Request(1));
    assert!(matches!(routing.aside(message(&question)), Aside::Kept(_)));
}

#[test]
fn memory_is_bounded() {
    let mut routing = Routing::default();
    let log = |bytes: usize| {
        let data = "x".repeat(bytes);
        message(
            &json!({"jsonrpc": "2.0", "method": "notifications/message", "params": {"data": data}}),
        )
    };
    assert!(matches!(routing.aside(log(LONGEST_ASIDE)), Aside::Lost(_)));
    for _ in 0..3 {
        routing.aside(log(MOST_PARKED_BYTES / 2));
    }
    assert_eq!(routing.parked.len(), 1);
    assert!(routing.parked_bytes <= MOST_PARKED_BYTES);

    let clients: Vec<Client> = (0..MOST_REQUESTS as u64)
        .map(|number| begin(&mut routing, number, &json!(number), None))
        .collect();
    assert_eq!(clients.len(), routing.requests.len());
    let mut more = begin(&mut routing, 1000, &json!("more"), None);
    assert_eq!(routing.requests.len(), MOST_REQUESTS);
    let refused = more.answered.try_recv().unwrap();
    assert!(refused.contains("\"more\"") && refused.contains("-32603"));
    // Those whose clients have gone do not count, also when nobody has said that they have.
    drop(clients);
    assert!(!routing.is_used());
    let _last = begin(&mut routing, 1001, &json!("last"), None);
    assert_eq!(routing.requests.len(), 1);
}

#[test]
fn a_client_cancels_its_own_request() {
    let mut routing = Routing::default();
    let mut client = begin(&mut routing, 4, &json!("a"), None);
    let cancel = |id: Value| {
        message(
            &json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": id, "reason": "r"}}),
        )
    };
    assert_eq!(
        routing.cancel(&cancel(json!(4))),
        None,
        "numbers are not its"
    );
    let told = routing.cancel(&cancel(json!("a"))).unwrap();
    assert!(
        told.contains("\"requestId\":4") && told.contains("\"reason\":\"r\""),
        "{told}"
    );
    assert!(client.answered.try_recv().unwrap().contains("cancelled"));
    assert_eq!(routing.cancel(&cancel(json!("a"))), None);
}
