//! Finds the binding for a verb and a path.

use http::Method;

use super::percent;
use super::template::{Segment, Template};

/// A tree of path segments. The most specific template wins: a literal before `*`, `*` before `**`, and a template
/// with a `:suffix` before one without.
#[derive(Debug)]
pub(super) struct Routes {
    /// The root comes first.
    nodes: Vec<Node>,
    has_suffixes: bool,
}

#[derive(Debug, Default)]
struct Node {
    /// Sorted by text.
    literals: Vec<(Box<str>, usize)>,
    one: Option<usize>,
    /// Templates that end here.
    ends: Vec<Leaf>,
    /// Templates that take whatever follows.
    rests: Vec<Leaf>,
}

#[derive(Debug)]
struct Leaf {
    verb: Verb,
    suffix: Option<Box<str>>,
    binding: usize,
}

/// The verb of a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verb {
    Exactly(Method),
    /// `custom { kind: "*" }`
    Any,
}

/// A binding, by index, and what its template matched: the path without the leading `/` and without the suffix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Match<'p> {
    pub(super) binding: usize,
    pub(super) path: &'p str,
}

impl Routes {
    pub(super) fn new() -> Self {
        Self {
            nodes: vec![Node::default()],
            has_suffixes: false,
        }
    }

    /// Adds a route; the binding that already has this verb and matches the same paths is the error.
    pub(super) fn insert(
        &mut self,
        verb: Verb,
        template: &Template,
        binding: usize,
    ) -> Result<(), usize> {
        let (node, is_rest) = self.descend(&template.segments);
        let node = &mut self.nodes[node];
        let leaves = if is_rest {
            &mut node.rests
        } else {
            &mut node.ends
        };
        let same = |leaf: &&Leaf| leaf.verb == verb && leaf.suffix == template.suffix;
        if let Some(taken) = leaves.iter().find(same) {
            return Err(taken.binding);
        }
        self.has_suffixes |= template.suffix.is_some();
        // Exact verbs stand before those that take any.
        let position = match verb {
            Verb::Exactly(_) => 0,
            Verb::Any => leaves.len(),
        };
        leaves.insert(
            position,
            Leaf {
                verb,
                suffix: template.suffix.clone(),
                binding,
            },
        );
        Ok(())
    }

    /// The most specific route for a verb and a path.
    pub(super) fn find<'p>(&self, verb: &Method, path: &'p str) -> Option<Match<'p>> {
        let mut found = None;
        self.visit(path, &mut |leaf, path| {
            let fits = match &leaf.verb {
                Verb::Exactly(exactly) => exactly == verb,
                Verb::Any => true,
            };
            if fits {
                found = Some(Match {
                    binding: leaf.binding,
                    path,
                });
            }
            fits
        });
        found
    }

    /// The verbs that a path can be called with, each once.
    pub(super) fn verbs(&self, path: &str) -> Vec<Method> {
        let mut verbs = Vec::new();
        self.visit(path, &mut |leaf, _| {
            if let Verb::Exactly(verb) = &leaf.verb
                && !verbs.contains(verb)
            {
                verbs.push(verb.clone());
            }
            false
        });
        verbs
    }

    /// The node at which a template ends, made if need be, and whether it ends there with `**`.
    fn descend(&mut self, segments: &[Segment]) -> (usize, bool) {
        let mut at = 0;
        for segment in segments {
            let fresh = self.nodes.len();
            let node = &mut self.nodes[at];
            at = match segment {
                Segment::Rest => return (at, true),
                Segment::One => *node.one.get_or_insert(fresh),
                Segment::Literal(text) => {
                    match node.literals.binary_search_by(|(key, _)| key.cmp(text)) {
                        Ok(index) => node.literals[index].1,
                        Err(index) => {
                            node.literals.insert(index, (text.clone(), fresh));
                            fresh
                        }
                    }
                }
            };
            if at == fresh {
                self.nodes.push(Node::default());
            }
        }
        (at, false)
    }

    /// Shows the leaves that match the path, most specific first, until one is accepted.
    fn visit<'p>(&self, path: &'p str, accept: &mut dyn FnMut(&Leaf, &'p str) -> bool) -> bool {
        let Some(path) = path.strip_prefix('/') else {
            return false;
        };
        if self.has_suffixes
            && let Some((before, suffix)) = path.rsplit_once(':')
            && !suffix.contains('/')
            && self.walk(0, segments(before), Some(suffix), &mut |leaf| {
                accept(leaf, before)
            })
        {
            return true;
        }
        self.walk(0, segments(path), None, &mut |leaf| accept(leaf, path))
    }

    fn walk(
        &self,
        node: usize,
        path: Option<&str>,
        suffix: Option<&str>,
        accept: &mut dyn FnMut(&Leaf) -> bool,
    ) -> bool {
        let node = &self.nodes[node];
        let mut offer = |leaves: &[Leaf]| {
            leaves
                .iter()
                .filter(|leaf| leaf.suffix.as_deref() == suffix)
                .any(&mut *accept)
        };
        let Some(path) = path else {
            return offer(&node.ends) || offer(&node.rests);
        };
        let (segment, rest) = match path.split_once('/') {
            Some((segment, rest)) => (segment, Some(rest)),
            None => (path, None),
        };
        if !segment.is_empty() {
            if let Some(next) = node.literal(segment)
                && self.walk(next, rest, suffix, accept)
            {
                return true;
            }
            if let Some(next) = node.one
                && self.walk(next, rest, suffix, accept)
            {
                return true;
            }
        }
        node.rests
            .iter()
            .filter(|leaf| leaf.suffix.as_deref() == suffix)
            .any(accept)
    }
}

impl Node {
    fn literal(&self, segment: &str) -> Option<usize> {
        if self.literals.is_empty() {
            return None;
        }
        let segment = percent::decode_path(segment).ok()?;
        let index = self
            .literals
            .binary_search_by(|(text, _)| (**text).cmp(&*segment))
            .ok()?;
        Some(self.literals[index].1)
    }
}

/// The root has no segments at all, which is not the same as one empty segment.
fn segments(path: &str) -> Option<&str> {
    (!path.is_empty()).then_some(path)
}
