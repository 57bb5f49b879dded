//! Content that carries no text a guardrail could judge.

/// A class of content that is not judged.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Unjudged {
    /// An image in the body.
    Image,
    /// Sound in the body, or a reference to earlier sound.
    Audio,
    /// A video in the body.
    Video,
    /// A file in the body (PDF and the like), or one that the provider keeps.
    File,
    /// Something that the provider fetches. The URL itself is judged as text.
    RemoteUrl,
    /// Encrypted or opaque to everyone but the provider.
    Opaque,
    /// Tokens as numbers.
    Tokens,
    /// More text in one place than is judged.
    OverLimit,
}

impl Unjudged {
    /// Every class.
    pub const ALL: [Self; 8] = [
        Self::Image,
        Self::Audio,
        Self::Video,
        Self::File,
        Self::RemoteUrl,
        Self::Opaque,
        Self::Tokens,
        Self::OverLimit,
    ];

    /// The name in records.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Image => "image",
            Self::Audio => "audio",
            Self::Video => "video",
            Self::File => "file",
            Self::RemoteUrl => "remote_url",
            Self::Opaque => "opaque",
            Self::Tokens => "tokens",
            Self::OverLimit => "over_limit",
        }
    }
}

/// How often each class occurs in a payload.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct UnjudgedCounts([u32; Unjudged::ALL.len()]);

impl UnjudgedCounts {
    /// Counts one.
    pub fn add(&mut self, class: Unjudged) {
        if let Some(count) = self.0.get_mut(class as usize) {
            *count = count.saturating_add(1);
        }
    }

    /// How often `class` occurs.
    pub fn of(&self, class: Unjudged) -> u32 {
        self.0.get(class as usize).copied().unwrap_or_default()
    }

    /// `2 image, 1 remote_url`.
    pub fn told(&self) -> String {
        let told: Vec<String> = self
            .iter()
            .map(|(class, count)| format!("{count} {}", class.as_str()))
            .collect();
        told.join(", ")
    }

    /// Whether everything was judged.
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(|count| *count == 0)
    }

    /// The classes that occur, with their counts.
    pub fn iter(&self) -> impl Iterator<Item = (Unjudged, u32)> {
        Unjudged::ALL
            .into_iter()
            .map(|class| (class, self.of(class)))
            .filter(|(_, n)| *n > 0)
    }
}
