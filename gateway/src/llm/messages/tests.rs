mod conversation;
mod places;
