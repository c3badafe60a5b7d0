//! The cookies of a stored page: none may be there, and what is there must make sense.

use super::wrong;
use crate::page::pickle::{Class, Items, Tree, Value};
use crate::page::{Body, Rejection};

/// Whether the page sets any cookie.
pub(super) fn any(tree: &Tree, pickle: &Body, cookies: Value) -> Result<bool, Rejection> {
    let end = pickle.len();
    let Some((Class::Cookies, jar)) = tree.object(cookies) else {
        return wrong(tree.at(cookies, end), "cookies are no SimpleCookie");
    };
    let mut pairs = tree.items(jar);
    let mut found = false;
    while let Some((name, morsel)) = pairs.pair() {
        found = true;
        check(pickle, name)?;
        let Some((Class::Morsel, id)) = tree.object(morsel) else {
            return wrong(tree.at(morsel, end), "cookie is no Morsel");
        };
        check_all(pickle, tree.items(id))?;
        if let Some(state) = tree.state(id) {
            check_all(pickle, state)?;
        }
    }
    Ok(found)
}

fn check_all(pickle: &Body, mut items: Items<'_>) -> Result<(), Rejection> {
    items.try_for_each(|item| check(pickle, item))
}

fn check(pickle: &Body, item: Value) -> Result<(), Rejection> {
    if let Value::Str(span) = item {
        let text = pickle.get(span.range()).unwrap_or_default();
        if text.iter().any(u8::is_ascii_control) {
            return wrong(span.range().start, "cookie has a control character");
        }
    }
    Ok(())
}
