//! The cookies of a stored page: none may be there, and what is there must make sense.

use super::{Pickle, not_read, wrong};
use crate::page::Rejection;
use crate::page::pickle::{Class, Items, Tree, Value};

/// Names and values of all cookies together, in bytes. They may be the same text over and over.
const BYTES_MAX: usize = 1024 * 1024;

/// Whether the page sets any cookie.
pub(super) fn any(tree: &Tree, pickle: &Pickle<'_>, cookies: Value) -> Result<bool, Rejection> {
    let Some((Class::Cookies, jar)) = tree.object(cookies) else {
        return not_read(tree, pickle, cookies, "cookies are no SimpleCookie");
    };
    let mut pairs = tree.items(jar);
    let mut found = false;
    let mut room = BYTES_MAX;
    while let Some((name, morsel)) = pairs.pair() {
        found = true;
        check(pickle, name, &mut room)?;
        let Some((Class::Morsel, id)) = tree.object(morsel) else {
            return not_read(tree, pickle, morsel, "cookie is no Morsel");
        };
        check_all(pickle, tree.items(id), &mut room)?;
        if let Some(state) = tree.state(id) {
            check_all(pickle, state, &mut room)?;
        }
    }
    Ok(found)
}

fn check_all(pickle: &Pickle<'_>, mut items: Items<'_>, room: &mut usize) -> Result<(), Rejection> {
    items.try_for_each(|item| check(pickle, item, room))
}

fn check(pickle: &Pickle<'_>, item: Value, room: &mut usize) -> Result<(), Rejection> {
    if let Value::Str(span) = item {
        match room.checked_sub(span.range().len()) {
            Some(rest) => *room = rest,
            None => return wrong(span.range().start, "cookies too large"),
        }
        if pickle.get(span).iter().any(u8::is_ascii_control) {
            return wrong(span.range().start, "cookie has a control character");
        }
    }
    Ok(())
}
