//! Which values came into the hands of code that is not known?

use super::tree::{Id, Tree, Value};
use crate::outcome::Failure;

/// Whether an object, one of its parts or the state of either was given to a class or function
/// that is not known, or to a value that was: unpickled by Python, its code might have changed
/// them.
///
/// # Errors
/// [`Failure::Memory`].
pub(in crate::page) fn is_handed_on(
    tree: &Tree,
    object: Id,
    parts: impl Iterator<Item = Value>,
) -> Result<bool, Failure> {
    if !tree.shared {
        // Each value is in one place.
        return Ok(false);
    }
    let mut walk = Walk { own: room(tree)?, seen: room(tree)?, waiting: Vec::new() };
    for part in parts.chain([Value::Node(object)]) {
        if let Value::Node(id) = part {
            walk.owns(id);
            if let Some(Value::Node(state)) = tree.node(id).and_then(|node| node.state) {
                walk.owns(state);
            }
        }
    }
    for (id, node) in (0..).map(Id).zip(&tree.nodes) {
        // It has its own parts by right.
        if id == object || !node.kind.is_foreign() {
            continue;
        }
        walk.go_into(tree, id)?;
        while let Some(inner) = walk.waiting.pop() {
            if walk.own.get(inner.0 as usize) == Some(&true) {
                return Ok(true);
            }
            walk.go_into(tree, inner)?;
        }
    }
    Ok(false)
}

/// A mark for each container.
fn room(tree: &Tree) -> Result<Vec<bool>, Failure> {
    let mut marks = Vec::new();
    marks.try_reserve_exact(tree.nodes.len()).map_err(|_| Failure::Memory)?;
    marks.resize(tree.nodes.len(), false);
    Ok(marks)
}

struct Walk {
    /// The object, its parts and their states.
    own: Vec<bool>,
    seen: Vec<bool>,
    waiting: Vec<Id>,
}

impl Walk {
    fn owns(&mut self, id: Id) {
        if let Some(mark) = self.own.get_mut(id.0 as usize) {
            *mark = true;
        }
    }

    /// What is in a container is to be looked at; once.
    fn go_into(&mut self, tree: &Tree, id: Id) -> Result<(), Failure> {
        let (Some(seen), Some(node)) = (self.seen.get_mut(id.0 as usize), tree.node(id)) else {
            return Ok(());
        };
        if std::mem::replace(seen, true) {
            return Ok(());
        }
        for value in tree.items(id).chain(node.state) {
            if let Value::Node(inner) = value {
                self.waiting.try_reserve(1).map_err(|_| Failure::Memory)?;
                self.waiting.push(inner);
            }
        }
        Ok(())
    }
}
