//! The search index is whole again, whenever it was deleted.

use super::*;
use std::cell::Cell;

#[test]
fn an_index_that_is_deleted_in_the_middle_of_a_comparison_is_made_anew() {
    let (fixture, owner) = (Fixture::new(), ContainerId::random());
    let conversation = fixture.conversation(&owner);
    new_turn(fixture.ask(&conversation, "a lighthouse", None));
    let index = SearchIndex::of(fixture.store.clone());
    let found = || index.find(&owner, &Query::parse("lighthouse"), 10, None).expect("searches").hits.len();
    let first_step = Cell::new(true);
    index.catch_up(&|| !first_step.replace(false)).expect("one step");
    assert!(!index.is_complete(), "the comparison goes on");
    std::fs::remove_file(fixture.directory.path().join("data/search.db")).expect("was made");
    index.catch_up(&|| true).expect("all steps");
    assert_eq!((found(), index.is_complete()), (1, true));
    // While there is nothing to do.
    std::fs::remove_file(fixture.directory.path().join("data/search.db")).expect("was made");
    index.catch_up(&|| true).expect("all steps");
    assert_eq!((found(), index.is_complete()), (1, true));
}
