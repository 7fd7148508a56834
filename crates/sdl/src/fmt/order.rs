//! The order of keys: that of the language's table, where no alias would come before its anchor.

use crate::cst::{Body, Entry, File, Node, Parts};
use crate::language;
use crate::yaml::{Kind, Tree};

/// Places of an alias and of what it stands for.
type Link = (usize, usize);

/// Puts the known keys of each mapping into order; others follow as they stand.
pub(super) fn sort(file: &mut File<'_>, tree: &Tree<'_>) {
    let wide = |it: u32| usize::try_from(it).unwrap_or(usize::MAX);
    let mut links: Vec<Link> = tree
        .ids()
        .filter_map(|id| {
            let node = tree.raw(id);
            match node.kind {
                Kind::Alias { target, .. } => {
                    Some((wide(node.span.start), wide(tree.raw(target).span.start)))
                }
                _ => None,
            }
        })
        .collect();
    links.sort_unstable();
    let Some(root) = &mut file.root else { return };
    if let Body::Map(block) = &mut root.body
        && let Some(first) = block.entries.first_mut()
    {
        // A comment at the head of the file, set apart, is the file's and not the first key's.
        let ends = std::iter::once(first.after_blank)
            .chain(first.lead.iter().rev().map(|it| it.after_blank))
            .take(first.lead.len())
            .position(|it| it)
            .map(|from_end| first.lead.len() - from_end);
        // So is what is said to the compiler before anything else.
        let directive = first.lead.iter().rposition(|it| it.text.contains("haggle:"));
        let ends = ends.unwrap_or(0).max(directive.map_or(0, |it| it + 1));
        let header: Vec<_> = first.lead.drain(..ends).collect();
        let was_apart = !header.is_empty();
        sort_node(root, &mut Vec::new(), &links);
        if let Body::Map(block) = &mut root.body
            && let Some(first) = block.entries.first_mut()
        {
            if was_apart {
                match first.lead.first_mut() {
                    Some(comment) => comment.after_blank = true,
                    None => first.after_blank = true,
                }
            }
            first.lead.splice(0..0, header);
        }
        return;
    }
    sort_node(root, &mut Vec::new(), &links);
}

fn sort_node<'s>(node: &mut Node<'s>, path: &mut Vec<String>, links: &[Link]) {
    match &mut node.body {
        Body::Map(block) => {
            let place = |it: &Entry<'_>| it.value.place.clone();
            if may_move(block.entries.iter().map(place), links) {
                let rank = ranks(path);
                block.entries.sort_by_key(|it| it.key.as_ref().map(|key| rank(name(key))));
            }
            for entry in &mut block.entries {
                path.push(entry.key.as_ref().map(name).unwrap_or_default().to_owned());
                sort_node(&mut entry.value, path, links);
                path.pop();
            }
        }
        Body::Seq(block) => {
            for entry in &mut block.entries {
                path.push("[]".into());
                sort_node(&mut entry.value, path, links);
                path.pop();
            }
        }
        Body::Flow { parts: Some(Parts::Map(pairs)), .. } => {
            if may_move(pairs.iter().map(|it| it.1.place.clone()), links) {
                let rank = ranks(path);
                pairs.sort_by_key(|it| rank(name(&it.0)));
            }
            for (key, value) in pairs {
                path.push(name(key).to_owned());
                sort_node(value, path, links);
                path.pop();
            }
        }
        Body::Flow { parts: Some(Parts::Seq(items)), .. } => {
            for item in items {
                path.push("[]".into());
                sort_node(item, path, links);
                path.pop();
            }
        }
        _ => {}
    }
}

fn name<'n>(key: &'n Node<'_>) -> &'n str {
    match &key.body {
        Body::Scalar { text, .. } => text,
        _ => "",
    }
}

/// Where a key stands in its mapping: merge keys first, then known ones, then all others.
fn ranks(path: &[String]) -> impl Fn(&str) -> usize + use<> {
    let path: Vec<&str> = path.iter().map(String::as_str).collect();
    let known: Vec<&str> = language::children(&path).map(language::Key::name).collect();
    // Below chosen names there is no order but the author's.
    let is_open = known.iter().all(|it| matches!(*it, "*" | "[]"));
    move |key| match key {
        _ if is_open => 0,
        "<<" => 0,
        _ => known.iter().position(|it| *it == key).map_or(known.len() + 1, |it| it + 1),
    }
}

/// Whether no alias in one of the places stands for something in another. The places are in the order of
/// the text, the links in that of their aliases.
fn may_move(places: impl Iterator<Item = std::ops::Range<usize>>, links: &[Link]) -> bool {
    if links.is_empty() {
        return true;
    }
    let places: Vec<_> = places.collect();
    let (Some(first), Some(last)) = (places.first(), places.last()) else { return true };
    let from = links.partition_point(|it| it.0 < first.start);
    let until = links.partition_point(|it| it.0 < last.end);
    let of = |at: usize| {
        let index = places.partition_point(|it| it.start <= at).checked_sub(1)?;
        places.get(index).is_some_and(|it| at < it.end).then_some(index)
    };
    let within = links.get(from..until.max(from)).unwrap_or_default();
    within.iter().all(|(alias, target)| match (of(*alias), of(*target)) {
        (Some(one), Some(other)) => one == other,
        _ => true,
    })
}
