//! What held and what did not, line by line.

use std::time::Instant;

use anyhow::Result;

use crate::tool::shown;

/// Prints each item with its figure and counts those that failed.
#[derive(Debug, Default)]
pub(crate) struct Report {
    only: Option<String>,
    failed: Vec<String>,
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

    /// Runs an item; it ends in a figure. Whether it held.
    pub(crate) async fn item(
        &mut self,
        name: &str,
        item: impl Future<Output = Result<String>>,
    ) -> bool {
        if self
            .only
            .as_ref()
            .is_some_and(|only| !name.contains(only.as_str()))
        {
            return true;
        }
        self.always(name, item).await
    }

    /// The same, whatever was asked for: other items need it.
    pub(crate) async fn always(
        &mut self,
        name: &str,
        item: impl Future<Output = Result<String>>,
    ) -> bool {
        let begun = Instant::now();
        let outcome = item.await;
        let took = shown(begun.elapsed());
        match outcome {
            Ok(figure) => {
                println!("holds  {took:>7}  {name}: {figure}");
                self.held += 1;
                true
            }
            Err(error) => {
                println!("FAILS  {took:>7}  {name}: {error:#}");
                self.failed.push(name.to_owned());
                false
            }
        }
    }

    /// Says what cannot be looked at here.
    pub(crate) fn skip(&self, name: &str, why: &str) {
        println!("not looked at    {name}: {why}");
    }

    /// Whether everything held.
    pub(crate) fn end(&self) -> bool {
        if self.failed.is_empty() {
            println!("{} of {} items hold", self.held, self.held);
        } else {
            let all = self.held + self.failed.len();
            println!(
                "{} of {all} items fail: {}",
                self.failed.len(),
                self.failed.join("; ")
            );
        }
        self.failed.is_empty()
    }
}
