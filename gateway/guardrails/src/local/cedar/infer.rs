//! The types of arguments, from the policies' use of them.
//!
//! A tool's schema is not known when policies are compiled. What a policy does with an argument tells its
//! type: `like` needs a text, `<` a number, `contains` a set. Each type is tried in turn, and the one with
//! which the validator has the fewest objections stays.

use cedar_policy::{Policy, PolicySet, ValidationMode, Validator};

use super::reads::Reads;
use super::schema::{Leaf, Shape, schema};

/// Rounds over all arguments: a second one sees the types of those that an argument is compared with.
const ROUNDS: usize = 2;

/// The shape of the arguments that policies read. Every policy comes with what it reads.
pub(super) fn arguments(policies: &[(Policy, Reads)]) -> Shape {
    let mut all = Reads::default();
    for (_, reads) in policies {
        all.merge(reads);
    }
    let mut shape = Shape::of_texts(&all.arguments);
    let leaves = all.arguments.leaves();
    for _ in 0..ROUNDS {
        let mut changed = false;
        for path in &leaves {
            let readers: Vec<&(Policy, Reads)> = policies
                .iter()
                .filter(|(_, reads)| reads.arguments.leaves().contains(path))
                .collect();
            let before = shape.leaf(path);
            let mut best: Option<(usize, Leaf)> = None;
            // What was found before comes first: it stays unless another one is better.
            for leaf in before.into_iter().chain(Leaf::ALL) {
                if best.is_some_and(|(objections, _)| objections == 0) {
                    break;
                }
                shape.set(path, leaf);
                let objections = objections(&readers, &shape);
                if best.is_none_or(|(least, _)| objections < least) {
                    best = Some((objections, leaf));
                }
            }
            if let Some((_, leaf)) = best {
                shape.set(path, leaf);
                changed |= before != Some(leaf);
            }
        }
        if !changed {
            break;
        }
    }
    shape
}

/// How much the validator objects to in some policies. Only what they read is in the schema: with all that
/// others read, each of many trials would cost as much as all policies together.
fn objections(readers: &[&(Policy, Reads)], shape: &Shape) -> usize {
    let mut read = Reads::default();
    for (_, reads) in readers {
        read.merge(reads);
    }
    let mut arguments = Shape::of_texts(&read.arguments);
    for path in read.arguments.leaves() {
        if let Some(leaf) = shape.leaf(&path) {
            arguments.set(&path, leaf);
        }
    }
    let Ok(schema) = schema(&arguments, &Shape::of_texts(&read.metadata)) else {
        return usize::MAX;
    };
    let Ok(set) = PolicySet::from_policies(readers.iter().map(|(policy, _)| policy.clone())) else {
        return usize::MAX;
    };
    Validator::new(schema)
        .validate(&set, ValidationMode::Strict)
        .validation_errors()
        .count()
}
