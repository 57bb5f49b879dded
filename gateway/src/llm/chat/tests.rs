mod answers;
mod edits;
mod places;
