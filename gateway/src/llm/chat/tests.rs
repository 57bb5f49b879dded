mod edits;
mod places;
