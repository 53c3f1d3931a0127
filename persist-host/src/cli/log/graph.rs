//! Drawing a tree in text, line by line, from the newest node to the oldest. Pure layout.
//!
//! Every branch has a column, and waits in it for the node that it comes from. A node that several branches wait for is
//! where they part: all but the leftmost end there.

/// A node of the tree; ids fall from one to the next, and a parent's id is lower than its child's.
#[derive(Clone, Copy, Debug)]
pub(super) struct Node {
    pub(super) id: u64,
    /// Where it comes from; `None` where that is not known.
    pub(super) parent: Option<u64>,
    /// Whether the node itself is there, or only its place.
    pub(super) is_there: bool,
}

/// The lines of one node.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Rows {
    /// Lines that join the branches that end here.
    pub(super) before: Vec<String>,
    /// What stands in front of the node's own text.
    pub(super) node: String,
    /// A line that moves the branches to its right, when its own column ends.
    pub(super) after: Vec<String>,
}

/// The state of a drawing.
#[derive(Debug, Default)]
pub(super) struct Graph {
    /// The node that each column waits for.
    columns: Vec<u64>,
}

impl Graph {
    /// Draws the next node.
    pub(super) fn add(&mut self, node: Node) -> Rows {
        let waiting = |column: &u64| *column == node.id;
        let at = self.columns.iter().position(waiting).unwrap_or_else(|| {
            self.columns.push(node.id);
            self.columns.len() - 1
        });
        let mut before = Vec::new();
        while let Some(ends) = self.columns.iter().rposition(waiting).filter(|column| *column > at) {
            before.push(self.join(Some(at), ends));
            self.columns.remove(ends);
        }
        let mark = if node.is_there { '*' } else { 'x' };
        let marks = (0..self.columns.len()).map(|column| if column == at { mark } else { '|' });
        let row: Vec<String> = marks.map(String::from).collect();
        let mut after = Vec::new();
        match (node.parent, self.columns.get_mut(at)) {
            (Some(parent), Some(column)) => *column = parent,
            _ => {
                if at + 1 < self.columns.len() {
                    after.push(self.join(None, at));
                }
                self.columns.remove(at);
            }
        }
        Rows { before, node: row.join(" "), after }
    }

    /// The line on which the column `ends` goes, to the column `into` or to nowhere, and those right of it move left.
    fn join(&self, into: Option<usize>, ends: usize) -> String {
        let mut line = vec![' '; 2 * self.columns.len()];
        let mut put = |at: usize, mark: char| {
            if let Some(place) = line.get_mut(at) {
                *place = mark;
            }
        };
        (0..ends).for_each(|column| put(2 * column, '|'));
        let first_moved = if into.is_some() { ends } else { ends + 1 };
        (first_moved..self.columns.len()).for_each(|column| put(2 * column - 1, '/'));
        if let Some(into) = into {
            (into..ends - 1).for_each(|column| put(2 * column + 1, '_'));
        }
        line.into_iter().collect::<String>().trim_end().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Draws nodes given as id and parent; one with itself as its parent is not there.
    fn draw(nodes: &[(u64, Option<u64>)]) -> String {
        let mut graph = Graph::default();
        let mut lines = Vec::new();
        for (id, parent) in nodes.iter().copied() {
            let is_there = parent != Some(id);
            let rows = graph.add(Node { id, parent: parent.filter(|_| is_there), is_there });
            lines.extend(rows.before);
            lines.push(format!("{} {id}", rows.node));
            lines.extend(rows.after);
        }
        lines.join("\n")
    }

    #[test]
    fn a_line_of_snapshots_is_a_line() {
        assert_eq!(draw(&[(2, Some(1)), (1, Some(0)), (0, None)]), "* 2\n* 1\n* 0");
    }

    #[test]
    fn a_branch_ends_where_it_began() {
        let nodes = [(5, Some(2)), (4, Some(3)), (3, Some(2)), (2, Some(1)), (1, None)];
        assert_eq!(draw(&nodes), "* 5\n| * 4\n| * 3\n|/\n* 2\n* 1");
    }

    #[test]
    fn branches_in_between_are_passed_below() {
        let nodes =
            [(6, Some(1)), (5, Some(2)), (4, Some(1)), (3, Some(2)), (2, Some(0)), (1, Some(0)), (0, None)];
        let drawn = "* 6\n| * 5\n| | * 4\n| | | * 3\n| |_|/\n| * | 2\n|_|/\n* | 1\n|/\n* 0";
        assert_eq!(draw(&nodes), drawn);
    }

    #[test]
    fn a_parent_that_is_gone_has_a_place_and_no_past() {
        let nodes = [(9, Some(4)), (8, Some(4)), (7, Some(6)), (6, Some(6)), (4, Some(4)), (3, None)];
        assert_eq!(draw(&nodes), "* 9\n| * 8\n| | * 7\n| | x 6\n|/\nx 4\n* 3");
    }

    #[test]
    fn what_stands_right_of_an_end_moves_left() {
        let nodes = [(5, Some(4)), (4, Some(4)), (3, Some(1)), (2, Some(1)), (1, None)];
        assert_eq!(draw(&nodes), "* 5\nx 4\n* 3\n| * 2\n|/\n* 1");
        let nodes = [(5, Some(3)), (4, Some(1)), (3, Some(3)), (1, None)];
        assert_eq!(draw(&nodes), "* 5\n| * 4\nx | 3\n /\n* 1");
    }

    proptest! {
        #[test]
        fn every_tree_is_drawn_with_one_mark_a_node_and_ends_closed(
            parents in proptest::collection::vec(proptest::option::of(0..60_usize), 1..60),
        ) {
            let mut graph = Graph::default();
            for (id, parent) in parents.iter().enumerate().rev() {
                let parent = parent.filter(|_| id > 0).map(|parent| (parent % id.max(1)) as u64);
                let rows = graph.add(Node { id: id as u64, parent, is_there: true });
                prop_assert_eq!(rows.node.matches('*').count(), 1);
                for line in rows.before.iter().chain(&rows.after) {
                    prop_assert!(line.chars().all(|mark| " |/_".contains(mark)) && line.contains('/'));
                }
            }
            prop_assert!(graph.columns.is_empty());
        }
    }
}
