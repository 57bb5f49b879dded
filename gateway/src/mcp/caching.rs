//! What a server says about who may keep its answers.

use super::envelope::Message;
use super::tools::{Edit, spliced};

/// The answer for this caller alone, where it says that everybody may have it; none when it says nothing of the kind.
pub(crate) fn private(answer: &Message) -> Option<String> {
    let scope = answer.root().get("result")?.get("cacheScope")?;
    if scope.is("private") {
        return None;
    }
    let range = scope.range();
    let edit = Edit {
        range: range.start as usize..range.end as usize,
        text: "\"private\"".to_owned(),
    };
    Some(spliced(answer.text(), vec![edit]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_else_gets_what_is_for_one_caller() {
        let rows = [
            (
                r#"{"ttlMs":1, "cacheScope" : "public","x":1.0}"#,
                Some(r#"{"ttlMs":1, "cacheScope" : "private","x":1.0}"#),
            ),
            (r#"{"cacheScope":"p\u0072ivate"}"#, None),
            // Nobody knows what that is.
            (r#"{"cacheScope":7}"#, Some(r#"{"cacheScope":"private"}"#)),
            (r#"{"tools":[{"cacheScope":"public"}]}"#, None),
        ];
        for (result, expected) in rows {
            let message = |result| format!(r#"{{"jsonrpc":"2.0","id":1,"result":{result}}}"#);
            let answer = Message::parse(message(result)).unwrap();
            assert_eq!(private(&answer), expected.map(message), "{result}");
        }
        let error = r#"{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":"x"}}"#;
        assert_eq!(private(&Message::parse(error.to_owned()).unwrap()), None);
    }
}
