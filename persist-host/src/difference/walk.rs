//! The walk through two values side by side, from the outside in, that lists what differs.

use std::fmt::Write as _;

use super::sequence::{Replaced, align};
use super::tree::{NodeId, Tree};
use super::{Change, Edit, Whole};

/// How much the list of changes between two texts may cost in bytes.
pub(super) fn budget(old: &str, new: &str) -> usize {
    const LEAST: usize = 16 << 20;
    LEAST.saturating_add(4 * old.len()).saturating_add(4 * new.len())
}

/// Lists the changes that make the new value of the old one.
pub(super) fn changes<'a>(old: &Tree<'a>, new: &Tree<'a>, budget: usize) -> Vec<Change<'a>> {
    let mut walk = Walk {
        old,
        new,
        budget,
        cost: 0,
        changes: Vec::new(),
        paths: [String::new(), String::new()],
        frames: Vec::new(),
    };
    if old.hash(Tree::ROOT) != new.hash(Tree::ROOT) {
        walk.compare(Tree::ROOT, Tree::ROOT);
    }
    while let Some(frame) = walk.frames.last_mut() {
        let step = frame.steps.next();
        walk.paths[0].truncate(frame.path_lengths[0]);
        walk.paths[1].truncate(frame.path_lengths[1]);
        match step {
            Some(step) => walk.take(step),
            None => {
                walk.frames.pop();
            }
        }
    }
    walk.changes
}

struct Walk<'t, 'a> {
    old: &'t Tree<'a>,
    new: &'t Tree<'a>,
    /// How much the changes may cost.
    budget: usize,
    /// How much those listed do.
    cost: usize,
    changes: Vec<Change<'a>>,
    /// Where the walk is: in the old value, and in the one that the changes so far make of it.
    paths: [String; 2],
    /// The objects and arrays around that place, the outermost first.
    frames: Vec<Frame>,
}

/// An object or array that is being compared member by member.
struct Frame {
    old: NodeId,
    new: NodeId,
    path_lengths: [usize; 2],
    /// How many changes were listed before it, and what they cost.
    changes_before: usize,
    cost_before: usize,
    steps: std::vec::IntoIter<Step>,
}

/// What is still to be done inside a frame.
enum Step {
    /// A value stands where another one stood.
    Compare {
        old: NodeId,
        new: NodeId,
        place: Place,
    },
    Remove {
        old: NodeId,
        place: Place,
    },
    Add {
        new: NodeId,
        place: Place,
    },
}

/// The last part of a path.
enum Place {
    /// A key of the old object, or of the new one for a member that is added.
    Key(NodeId),
    /// Positions in the old array, and in what the changes so far make of it.
    Index(usize, usize),
}

impl<'a> Walk<'_, 'a> {
    fn take(&mut self, step: Step) {
        match step {
            Step::Compare { old, new, place } => {
                self.enter(&place, self.old);
                self.compare(old, new);
            }
            Step::Remove { old, place } => {
                self.enter(&place, self.old);
                self.list(Edit::Removed(self.old.text(old)));
            }
            Step::Add { new, place } => {
                self.enter(&place, self.new);
                self.list(Edit::Added(self.new.text(new)));
            }
        }
    }

    /// Compares two values that differ and stand at the present place.
    fn compare(&mut self, old: NodeId, new: NodeId) {
        let arrays = self.old.is_array(old) && self.new.is_array(new);
        let objects = self.old.is_object(old) && self.new.is_object(new);
        let ambiguous = self.old.is_ambiguous(old) || self.new.is_ambiguous(new);
        if !arrays && !objects || ambiguous {
            let whole = (objects && ambiguous).then_some(Whole::AmbiguousKeys);
            return self.list(self.changed(old, new, whole));
        }
        let steps = if arrays { self.array_steps(old, new) } else { self.object_steps(old, new) };
        self.frames.push(Frame {
            old,
            new,
            path_lengths: [self.paths[0].len(), self.paths[1].len()],
            changes_before: self.changes.len(),
            cost_before: self.cost,
            steps: steps.into_iter(),
        });
    }

    /// Removed and changed members in their old order, then those that are new.
    fn object_steps(&self, old: NodeId, new: NodeId) -> Vec<Step> {
        let mut by_key: Vec<(u128, NodeId, bool)> =
            self.new.members(new).map(|(key, value)| (self.new.hash(key), value, false)).collect();
        by_key.sort_unstable();
        let mut steps = Vec::new();
        for (key, value) in self.old.members(old) {
            let place = Place::Key(key);
            let hash = self.old.hash(key);
            let found = by_key.binary_search_by_key(&hash, |(hash, ..)| *hash).ok();
            let Some((_, counterpart, met)) = found.and_then(|found| by_key.get_mut(found)) else {
                steps.push(Step::Remove { old: value, place });
                continue;
            };
            *met = true;
            if self.old.hash(value) != self.new.hash(*counterpart) {
                steps.push(Step::Compare { old: value, new: *counterpart, place });
            }
        }
        let mut added: Vec<NodeId> =
            by_key.into_iter().filter(|(.., met)| !met).map(|(_, value, _)| value).collect();
        added.sort_unstable();
        // The key of a member is the value right before its own.
        steps.extend(added.into_iter().map(|value| Step::Add { new: value, place: Place::Key(value - 1) }));
        steps
    }

    /// What must happen from the array's start on; each position counts what has happened before.
    fn array_steps(&self, old: NodeId, new: NodeId) -> Vec<Step> {
        let old_elements: Vec<NodeId> = self.old.children(old).collect();
        let new_elements: Vec<NodeId> = self.new.children(new).collect();
        let old_hashes: Vec<u128> = old_elements.iter().map(|element| self.old.hash(*element)).collect();
        let new_hashes: Vec<u128> = new_elements.iter().map(|element| self.new.hash(*element)).collect();
        let mut steps = Vec::new();
        for Replaced { old_start, old_length, new_start, new_length } in align(&old_hashes, &new_hashes) {
            let gone = old_elements.iter().copied().skip(old_start).take(old_length);
            let come = new_elements.iter().copied().skip(new_start).take(new_length);
            let paired = old_length.min(new_length);
            for (offset, (old, new)) in gone.clone().zip(come.clone()).enumerate() {
                // Those that an alignment given up too early pairs may be equal.
                if self.old.hash(old) != self.new.hash(new) {
                    let place = Place::Index(old_start + offset, new_start + offset);
                    steps.push(Step::Compare { old, new, place });
                }
            }
            for (offset, old) in gone.enumerate().skip(paired) {
                steps.push(Step::Remove { old, place: Place::Index(old_start + offset, new_start + paired) });
            }
            for (offset, new) in come.enumerate().skip(paired) {
                let at = new_start + offset;
                steps.push(Step::Add { new, place: Place::Index(at, at) });
            }
        }
        steps
    }

    fn changed(&self, old: NodeId, new: NodeId, whole: Option<Whole>) -> Edit<'a> {
        Edit::Changed { old: self.old.text(old), new: self.new.text(new), whole }
    }

    /// Lists a change at the present place. If the list becomes too long, the innermost object or array counts as one
    /// change instead, then the one around it, and at worst the two texts as a whole.
    fn list(&mut self, edit: Edit<'a>) {
        self.push(edit);
        while self.cost > self.budget
            && let Some(frame) = self.frames.pop()
        {
            self.changes.truncate(frame.changes_before);
            self.cost = frame.cost_before;
            self.paths[0].truncate(frame.path_lengths[0]);
            self.paths[1].truncate(frame.path_lengths[1]);
            self.push(self.changed(frame.old, frame.new, Some(Whole::TooManyChanges)));
        }
    }

    fn push(&mut self, edit: Edit<'a>) {
        let [old_path, path] = &self.paths;
        let moved = old_path != path && !matches!(edit, Edit::Added(_));
        let change = Change { path: path.clone(), old_path: moved.then(|| old_path.clone()), edit };
        self.cost += size_of::<Change<'_>>() + path.len() + change.old_path.as_ref().map_or(0, String::len);
        self.changes.push(change);
    }

    /// Goes to a place in the present object or array. The key, if it is one, stands in `tree`.
    fn enter(&mut self, place: &Place, tree: &Tree<'_>) {
        match place {
            Place::Key(key) => {
                let key = tree.key(*key).replace('~', "~0").replace('/', "~1");
                for path in &mut self.paths {
                    path.push('/');
                    path.push_str(&key);
                }
            }
            Place::Index(old, new) => {
                for (path, index) in self.paths.iter_mut().zip([old, new]) {
                    // Writing to a string cannot fail.
                    let _ = write!(path, "/{index}");
                }
            }
        }
    }
}
