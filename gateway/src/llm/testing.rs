//! What the tests of the wire formats share.

use std::sync::Arc;

use parapet_guardrails::finding::Edit;
use parapet_guardrails::segment::{Form, Rewrite, Role};

use super::{Dialect, Limits, Request, Response, Texts};

/// Stands where a table wants a text to be found.
pub(crate) const MARK: &str = "MARK-7f3a";

/// What a table expects of the segment that holds the mark.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Found {
    pub(crate) role: Role,
    pub(crate) form: Form,
    pub(crate) rewrite: Rewrite,
}

pub(crate) fn request(dialect: Dialect, body: &str) -> Request {
    Request::parse(dialect, Arc::new(body.to_owned()), &Limits::default()).expect(body)
}

pub(crate) fn request_texts(dialect: Dialect, body: &str) -> Texts {
    request(dialect, body).texts(&Limits::default()).unwrap()
}

pub(crate) fn response_texts(dialect: Dialect, body: &str) -> Texts {
    let response = Response::parse(dialect, Arc::new(body.to_owned())).expect(body);
    response.texts(None, &Limits::default()).unwrap()
}

/// Indices of the segments that contain `needle`, the whole of a JSON group left out.
pub(crate) fn holding(texts: &Texts, needle: &str) -> Vec<usize> {
    let list = texts.segments().list();
    (0..list.len())
        .filter(|index| list[*index].form != Form::JsonRaw)
        .filter(|index| texts.segments().text(*index).contains(needle))
        .collect()
}

/// The edit that replaces `needle` in the only segment that has it.
pub(crate) fn replace(texts: &Texts, needle: &str, replacement: &str) -> Edit {
    let [segment] = holding(texts, needle)[..] else {
        panic!(
            "{needle} should be in one segment, is in {:?}",
            holding(texts, needle)
        );
    };
    let start = texts.segments().text(segment).find(needle).unwrap();
    Edit {
        segment,
        range: start..start + needle.len(),
        replacement: replacement.into(),
    }
}

pub(crate) fn output(texts: &Texts) -> String {
    String::from_utf8(texts.to_bytes().to_vec()).unwrap()
}

/// The mark is found once, as expected; replacing it changes it and nothing else, or is refused.
pub(crate) fn check_place(mut texts: Texts, body: &str, expected: Found) {
    assert_eq!(output(&texts), body, "no edit, no changed byte");
    let found = holding(&texts, MARK);
    assert_eq!(found.len(), 1, "the mark is in one segment: {body}");
    let segment = &texts.segments().list()[found[0]];
    let got = Found {
        role: segment.role,
        form: segment.form,
        rewrite: segment.rewrite,
    };
    assert_eq!(got, expected, "{body}");
    let edit = replace(&texts, MARK, "a\"b\\c\né");
    if let Rewrite::No(_) = expected.rewrite {
        assert!(texts.apply(&[edit]).is_err(), "{body}");
        assert_eq!(output(&texts), body);
        return;
    }
    texts.apply(&[edit]).unwrap();
    // In JSON inside of a string everything is escaped once more.
    let once = r#"a\"b\\c\né"#;
    let twice = r#"a\\\"b\\\\c\\né"#;
    let hosted = body.contains(&format!("\\\"{MARK}"));
    let expected = body.replace(MARK, if hosted { twice } else { once });
    assert_eq!(output(&texts), expected);
    let doc: serde_json::Value = serde_json::from_str(&output(&texts)).unwrap();
    assert!(!doc.to_string().contains(MARK));
}
