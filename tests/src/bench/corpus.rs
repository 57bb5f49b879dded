//! Request bodies for measurements: prose, code and JSON as people send them, never repeated filler, with a
//! realistic share of things that guardrails rewrite and none that they block. The same seed gives the same
//! bytes on every machine.

mod words;

use serde_json::{Value, json};

use words::{ADJECTIVES, CONNECTIVES, NAMES, NOUNS, SENTENCES, STATEMENTS, VERBS};

/// How many different bodies stand for one size. Enough that no branch predictor learns them by heart.
pub const BODIES: usize = 64;

/// A size of request.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Shape {
    /// As printed.
    pub name: &'static str,
    /// Bytes of text in all messages together, about.
    pub bytes: usize,
    /// Messages.
    pub messages: usize,
    /// Whether the answer is streamed.
    pub stream: bool,
}

/// The shapes that are measured.
pub const SHAPES: [Shape; 4] = [
    Shape {
        name: "1 KiB",
        bytes: 850,
        messages: 2,
        stream: false,
    },
    Shape {
        name: "16 KiB",
        bytes: 15_000,
        messages: 7,
        stream: false,
    },
    Shape {
        name: "97 KiB, 201 messages",
        bytes: 88_000,
        messages: 201,
        stream: false,
    },
    Shape {
        name: "1 KiB, stream of 200 chunks",
        bytes: 850,
        messages: 2,
        stream: true,
    },
];

/// A small, fixed generator of numbers (SplitMix64).
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// A generator that always gives the same numbers for the same seed.
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number.
    pub const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `end`; 0 when `end` is 0.
    pub fn below(&mut self, end: usize) -> usize {
        let end = u64::try_from(end).unwrap_or(u64::MAX).max(1);
        usize::try_from(self.next() % end).unwrap_or(0)
    }

    /// One of `list`; small indices come up more often, as common words do.
    fn skewed<'a>(&mut self, list: &[&'a str]) -> &'a str {
        let bound = self.below(list.len()) + 1;
        list.get(self.below(bound)).copied().unwrap_or("it")
    }

    /// One of `list`.
    fn pick<'a>(&mut self, list: &[&'a str]) -> &'a str {
        list.get(self.below(list.len())).copied().unwrap_or("it")
    }

    fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    fn text_of(&mut self, alphabet: &[u8], length: usize) -> String {
        (0..length)
            .map(|_| {
                char::from(
                    alphabet
                        .get(self.below(alphabet.len()))
                        .copied()
                        .unwrap_or(b'x'),
                )
            })
            .collect()
    }
}

const LOWER_HEX: &[u8] = b"0123456789abcdef";
const DIGITS: &[u8] = b"0123456789";
const ALNUM: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
const BASE32: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// The bodies of one shape, ready to send to `model`.
pub fn bodies(shape: Shape, model: &str) -> Vec<String> {
    (0..BODIES)
        .map(|n| {
            let mut random = Random::new(0xb0d1e5 ^ (n as u64) << 32 ^ shape.bytes as u64);
            let each = shape.bytes / shape.messages.max(1);
            let messages: Vec<Value> = (0..shape.messages)
                .map(|i| {
                    let role = match i {
                        0 => "system",
                        _ if i % 2 == 1 => "user",
                        _ => "assistant",
                    };
                    // Message lengths vary by half around their mean.
                    let length = each / 2 + random.below(each);
                    let text = if i == 0 { prose(&mut random, length.min(600)) } else { any(&mut random, length) };
                    json!({"role": role, "content": text})
                })
                .collect();
            let mut body = json!({"model": model, "messages": messages, "temperature": 0.2, "max_tokens": 512});
            if shape.stream {
                body["stream"] = true.into();
            }
            body.to_string()
        })
        .collect()
}

/// Text of one of the three kinds, about `length` bytes, in which roughly one message of eight holds something
/// that guardrails rewrite.
pub fn any(random: &mut Random, length: usize) -> String {
    let mut text = match random.below(4) {
        0 => code(random, length),
        1 => records(random, length),
        _ => prose(random, length),
    };
    if random.one_in(8) {
        let found = sensitive(random);
        // Where a sentence or a line ends is where people paste things.
        let at = text
            .char_indices()
            .map(|(at, _)| at)
            .nth(text.chars().count() / 2)
            .unwrap_or(0);
        let at = text
            .get(..at)
            .and_then(|head| head.rfind('\n').or_else(|| head.rfind(". ")))
            .map_or(0, |at| at + 1);
        text.insert_str(at, &found);
    }
    text
}

/// One thing that a person should not have sent.
fn sensitive(random: &mut Random) -> String {
    match random.below(5) {
        0 | 1 => {
            let (first, last) = (
                random.pick(NAMES).to_lowercase(),
                random.pick(NAMES).to_lowercase(),
            );
            format!(
                " You can reach {first}.{last}@{}.example.com about it. ",
                random.pick(NOUNS)
            )
        }
        2 => format!(" call +1 (415) 555-{} tomorrow ", random.text_of(DIGITS, 4)),
        3 => format!("\nAWS_ACCESS_KEY_ID=AKIA{}\n", random.text_of(BASE32, 16)),
        _ => format!("\ntoken: ghp_{}\n", random.text_of(ALNUM, 36)),
    }
}

/// Sentences.
pub fn prose(random: &mut Random, length: usize) -> String {
    let mut text = String::with_capacity(length + 128);
    while text.len() < length {
        let template = random.pick(SENTENCES);
        fill(random, template, &mut text);
        text.push(if random.one_in(6) { '\n' } else { ' ' });
    }
    text
}

/// Program code that does nothing dangerous.
pub fn code(random: &mut Random, length: usize) -> String {
    let mut text = String::from("Here is what I have so far:\n\n```python\n");
    while text.len() < length {
        let template = random.pick(STATEMENTS);
        fill(random, template, &mut text);
        text.push('\n');
    }
    text.push_str("```\n");
    text
}

/// Fills a template: `%n` is any noun, `%1` and `%2` are two nouns that stay the same within it, `%v` a verb,
/// `%a` an adjective, `%c` a connective, `%N` a name, `%d` a number, `%h` eight hexadecimal digits.
fn fill(random: &mut Random, template: &str, text: &mut String) {
    let (first, second) = (random.skewed(NOUNS), random.skewed(NOUNS));
    let mut rest = template;
    while let Some((head, tail)) = rest.split_once('%') {
        text.push_str(head);
        let mut chars = tail.chars();
        match chars.next() {
            Some('n') => text.push_str(random.skewed(NOUNS)),
            Some('1') => text.push_str(first),
            Some('2') => text.push_str(second),
            Some('v') => text.push_str(random.skewed(VERBS)),
            Some('a') => text.push_str(random.skewed(ADJECTIVES)),
            Some('c') => text.push_str(random.pick(CONNECTIVES)),
            Some('N') => text.push_str(random.pick(NAMES)),
            Some('d') => text.push_str(&random.below(5000).to_string()),
            Some('h') => text.push_str(&random.text_of(LOWER_HEX, 8)),
            other => text.extend(std::iter::once('%').chain(other)),
        }
        rest = chars.as_str();
    }
    text.push_str(rest);
}

/// JSON as tools and logs give it.
pub fn records(random: &mut Random, length: usize) -> String {
    let mut list = Vec::new();
    let mut size = 0;
    while size < length {
        let record = json!({
            "id": format!("{}-{}-4{}-a{}-{}", random.text_of(LOWER_HEX, 8), random.text_of(LOWER_HEX, 4), random.text_of(LOWER_HEX, 3), random.text_of(LOWER_HEX, 3), random.text_of(LOWER_HEX, 12)),
            "createdAt": format!("2025-{:02}-{:02}T{:02}:{:02}:{:02}Z", random.below(12) + 1, random.below(28) + 1, random.below(24), random.below(60), random.below(60)),
            "status": random.skewed(ADJECTIVES),
            random.skewed(NOUNS): {"name": random.skewed(NOUNS), "count": random.below(100_000), "ratio": (random.below(10_000) as f64) / 10_000.0},
            "tags": [random.skewed(NOUNS), random.skewed(VERBS)],
            "owner": null,
            "active": random.one_in(2),
        });
        size += record.to_string().len();
        list.push(record);
    }
    Value::from(list).to_string()
}

/// The mock model's answer: some prose and some code, about 700 bytes.
pub fn answer_text() -> String {
    let mut random = Random::new(0xa75);
    let mut text = prose(&mut random, 420);
    text.push_str(&code(&mut random, 280));
    text
}

/// The mock model's streamed answer in 200 deltas.
pub fn answer_pieces() -> Vec<String> {
    let mut random = Random::new(0x57e4);
    let mut text = prose(&mut random, 800);
    text.push_str(&code(&mut random, 300));
    let chars: Vec<char> = text.chars().collect();
    let size = chars.len().div_ceil(200);
    chars
        .chunks(size)
        .map(|piece| piece.iter().collect())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_are_what_their_shape_says_and_always_the_same() {
        for shape in SHAPES {
            let made = bodies(shape, "m/x");
            assert_eq!(made, bodies(shape, "m/x"));
            assert_eq!(made.len(), BODIES);
            let mean = made.iter().map(String::len).sum::<usize>() / BODIES;
            let wanted = if shape.bytes < 1000 {
                1024
            } else {
                shape.bytes * 11 / 10
            };
            assert!(
                mean.abs_diff(wanted) < wanted / 4,
                "{}: {mean} bytes on average",
                shape.name
            );
            let distinct: std::collections::BTreeSet<&String> = made.iter().collect();
            assert_eq!(distinct.len(), BODIES);
            for body in &made {
                let body: Value = serde_json::from_str(body).unwrap();
                assert_eq!(body["messages"].as_array().unwrap().len(), shape.messages);
            }
        }
    }

    #[test]
    fn some_texts_hold_a_hit_and_most_do_not() {
        let mut random = Random::new(1);
        let texts: Vec<String> = (0..400).map(|_| any(&mut random, 400)).collect();
        let hits = texts.iter().filter(|t| {
            ["AKIA", "ghp_", "@", " 555-"].iter().any(|s| t.contains(s)) || t.contains("555-")
        });
        let hits = hits.count();
        assert!((25..=80).contains(&hits), "{hits} of 400");
    }
}
