//! Which messages are the newest turn.

use parapet_guardrails::segment::Role;

/// The messages of the newest turn, from its first index to the end of the conversation.
///
/// It is what follows the last assistant message. When that one is the last of all (a prefilled answer),
/// it is what follows from the last user message on. System messages before all others are never part of it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Turn {
    first: usize,
}

impl Turn {
    pub(super) fn of(roles: impl Iterator<Item = Role>) -> Self {
        let mut count = 0;
        let mut system_head = 0;
        let mut after_assistant = 0;
        let mut last_user = None;
        for (index, role) in roles.enumerate() {
            count = index + 1;
            match role {
                Role::System if system_head == index => system_head = count,
                Role::Assistant => after_assistant = count,
                Role::User => last_user = Some(index),
                Role::System | Role::ToolResult | Role::ToolDefinition | Role::Parameter => {}
            }
        }
        let first = if after_assistant == count && count > 0 {
            last_user.unwrap_or(count - 1)
        } else {
            after_assistant
        };
        // A conversation of system messages alone is all turn.
        Self {
            first: if system_head < count {
                first.max(system_head)
            } else {
                0
            },
        }
    }

    pub(super) const fn holds(self, index: usize) -> bool {
        index >= self.first
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_turn_is_what_no_answer_has_seen() {
        let role = |letter| match letter {
            's' => Role::System,
            'a' => Role::Assistant,
            't' => Role::ToolResult,
            _ => Role::User,
        };
        for (conversation, first) in [
            ("u", 0),
            ("su", 1),
            ("suau", 3),
            ("suauu", 3),
            ("suat", 3),
            ("suatt", 3),
            ("sua", 1),
            ("s", 0),
            ("ss", 0),
            ("a", 0),
            ("", 0),
            ("uas", 2),
        ] {
            let turn = Turn::of(conversation.chars().map(role));
            assert_eq!(turn, Turn { first }, "{conversation}");
        }
    }
}
