//! Does a value contain itself? Only shared values can.

use super::tree::{END, Id, Tree, Value};
use crate::outcome::Failure;

/// How far a container has been walked.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Mark {
    Unseen,
    /// On the way from the root to where the walk is.
    Open,
    Closed,
}

struct Step {
    id: Id,
    cell: u32,
    /// The state of an object is still to come.
    state: Option<Value>,
}

/// Whether some container reachable from the root contains itself.
///
/// # Errors
/// [`Failure::Memory`].
pub(super) fn has_cycle(tree: &Tree) -> Result<bool, Failure> {
    let mut marks = Vec::new();
    marks.try_reserve_exact(tree.nodes.len()).map_err(|_| Failure::Memory)?;
    marks.resize(tree.nodes.len(), Mark::Unseen);
    let mut path: Vec<Step> = Vec::new();
    let mut value = Some(tree.root);
    loop {
        if let Some(Value::Node(id)) = value {
            let (Some(mark), Some(node)) = (marks.get_mut(id.0 as usize), tree.node(id)) else {
                return Ok(false);
            };
            match *mark {
                Mark::Open => return Ok(true),
                Mark::Closed => {}
                Mark::Unseen => {
                    *mark = Mark::Open;
                    path.try_reserve(1).map_err(|_| Failure::Memory)?;
                    path.push(Step { id, cell: node.first, state: node.state });
                }
            }
        }
        let Some(step) = path.last_mut() else { return Ok(false) };
        value = match tree.cells.get(step.cell as usize) {
            Some(cell) => {
                step.cell = cell.next;
                Some(cell.value)
            }
            None => {
                step.cell = END;
                step.state.take()
            }
        };
        if value.is_none() {
            if let Some(mark) = marks.get_mut(step.id.0 as usize) {
                *mark = Mark::Closed;
            }
            path.pop();
        }
    }
}
