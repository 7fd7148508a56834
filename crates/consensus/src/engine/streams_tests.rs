//! Proposals from parts, in any order, and the bounds.
#![expect(clippy::unwrap_used, reason = "tests")]

use super::*;

fn any_peer() -> PeerId {
    // A SHA-256 multihash.
    let mut bytes = vec![0x12, 0x20];
    bytes.extend(rand::random::<[u8; 32]>());
    PeerId::from_bytes(&bytes).unwrap()
}

fn parts(height: u64, slices: &[&[u8]]) -> Vec<Part> {
    let (round, valid_round) = (Round::new(0), Round::Nil);
    let height = Height(height);
    let address = Address([1; 20]);
    let signature = Signature { time_nanos: 0, bytes: [0; 64] };
    let mut parts = vec![Part::Init { height, round, valid_round, proposer: address }];
    parts.extend(slices.iter().map(|it| Part::Data(it.to_vec())));
    parts.push(Part::Fin { id: ValueId::default(), sender: address, signature });
    parts
}

fn messages(stream: u8, parts: Vec<Part>) -> Vec<StreamMessage<Part>> {
    use malachitebft_app_channel::app::streaming::StreamContent;
    let id = StreamId::new(vec![stream].into());
    let mut messages: Vec<_> = parts
        .into_iter()
        .zip(0_u64..)
        .map(|(part, at)| StreamMessage::new(id.clone(), at, StreamContent::Data(part)))
        .collect();
    let end = u64::try_from(messages.len()).unwrap();
    messages.push(StreamMessage::new(id, end, StreamContent::Fin));
    messages
}

#[test]
fn parts_in_any_order_make_the_proposal() {
    let peer = any_peer();
    let mut list = messages(1, parts(5, &[b"ab", b"cd"]));
    for turn in 0..list.len() {
        list.rotate_left(1);
        let mut streams = Streams::default();
        let done: Vec<Whole> =
            list.iter().filter_map(|it| streams.insert(peer, it.clone())).collect();
        assert_eq!(done.len(), 1, "turn {turn}");
        assert_eq!(done.first().unwrap().bytes, b"abcd");
        assert!(streams.open.is_empty() && streams.order.is_empty());
    }
}

#[test]
fn unfinished_streams_are_bounded() {
    let peer = any_peer();
    let mut streams = Streams::default();
    for stream in 0..=100 {
        let first = messages(stream, parts(5, &[b"ab"])).remove(0);
        assert!(streams.insert(peer, first).is_none());
    }
    assert_eq!(streams.open.len(), MAX_STREAMS_PER_PEER);
    for _ in 0..1_000 {
        let first = messages(0, parts(5, &[b"ab"])).remove(0);
        streams.insert(any_peer(), first);
    }
    assert_eq!(streams.open.len(), MAX_STREAMS);
    assert_eq!(streams.order.len(), MAX_STREAMS);
}

#[test]
fn streams_that_are_not_proposals_are_dropped() {
    let peer = any_peer();
    let mut swapped = parts(5, &[b"ab"]);
    swapped.swap(0, 1);
    let double: Vec<Part> = parts(5, &[]).into_iter().chain(parts(5, &[])).collect();
    for (stream, list) in (1_u8..).zip([swapped, double, vec![Part::Data(vec![1])], vec![]]) {
        let mut streams = Streams::default();
        assert!(
            messages(stream, list).into_iter().all(|it| streams.insert(peer, it).is_none()),
            "stream {stream}"
        );
    }
}

#[test]
fn early_proposals_wait_for_their_height() {
    let peer = any_peer();
    let mut streams = Streams::default();
    for height in [6, 7, 8, 100] {
        let whole = messages(1, parts(height, &[b"ab"]))
            .into_iter()
            .find_map(|it| streams.insert(peer, it))
            .unwrap();
        streams.keep_early(Height(5), whole);
    }
    assert_eq!(streams.take_early(Height(7)).len(), 1);
    assert_eq!(streams.take_early(Height(8)).len(), 0);
}
