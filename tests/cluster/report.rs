//! What held and what did not, line by line.

use std::time::Instant;

use anyhow::Result;

use crate::load::unguarded;
use crate::tool::shown;

/// Prints each item with its figure and counts those that failed.
#[derive(Debug, Default)]
pub(crate) struct Report {
    only: Option<String>,
    failed: Vec<String>,
    late: Vec<String>,
    held: usize,
}

impl Report {
    /// Only items whose names hold `only` are run.
    pub(crate) fn new(only: Option<String>) -> Self {
        Self {
            only,
            ..Self::default()
        }
    }

    fn is_left_out(&self, name: &str) -> bool {
        let only = self.only.as_ref();
        only.is_some_and(|only| !name.contains(only.as_str()))
    }

    /// Runs an item; it ends in a figure.
    pub(crate) async fn item(&mut self, name: &str, item: impl Future<Output = Result<String>>) {
        if !self.is_left_out(name) {
            self.always(name, item).await;
        }
    }

    /// Runs an item, and if it does not hold, once more after `restore`. Nothing that was not guarded is forgiven.
    pub(crate) async fn item_or<F, R>(
        &mut self,
        name: &str,
        item: impl Fn() -> F,
        restore: impl Fn() -> R,
    ) where
        F: Future<Output = Result<String>>,
        R: Future<Output = Result<()>>,
    {
        if self.is_left_out(name) {
            return;
        }
        let begun = Instant::now();
        let guarded = unguarded();
        let first = match item().await {
            Ok(figure) => return self.held(name, begun, &figure),
            Err(error) => error,
        };
        let is_grave = unguarded() > guarded;
        if is_grave {
            self.fails(name, begun, &first);
        } else {
            println!("once more         {name}: {first:#}");
        }
        if let Err(error) = restore().await {
            println!("what {name:?} took away does not come back: {error:#}");
        }
        if !is_grave && self.always(name, item()).await {
            self.late.push(format!("{name}: {first:#}"));
        }
    }

    /// The same, whatever was asked for: other items need it.
    pub(crate) async fn always(
        &mut self,
        name: &str,
        item: impl Future<Output = Result<String>>,
    ) -> bool {
        let begun = Instant::now();
        match item.await {
            Ok(figure) => {
                self.held(name, begun, &figure);
                true
            }
            Err(error) => {
                self.fails(name, begun, &error);
                false
            }
        }
    }

    fn held(&mut self, name: &str, begun: Instant, figure: &str) {
        println!("holds  {:>7}  {name}: {figure}", shown(begun.elapsed()));
        self.held += 1;
    }

    fn fails(&mut self, name: &str, begun: Instant, error: &anyhow::Error) {
        println!("FAILS  {:>7}  {name}: {error:#}", shown(begun.elapsed()));
        self.failed.push(format!("{name}: {error:#}"));
    }

    /// Says what cannot be looked at here.
    pub(crate) fn skip(&self, name: &str, why: &str) {
        println!("not looked at    {name}: {why}");
    }

    /// Whether everything held.
    pub(crate) fn holds(&self) -> bool {
        self.failed.is_empty()
    }

    /// Prints what came of it.
    pub(crate) fn end(&self) {
        for late in &self.late {
            println!("held only at the second attempt: {late}");
        }
        for failed in &self.failed {
            println!("fails: {failed}");
        }
        println!(
            "{} of {} items hold",
            self.held,
            self.held + self.failed.len()
        );
    }
}
