//! Evidence that somebody hands in over JSON-RPC.

use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::Value;
use types::{
    timestamp,
    wire::tendermint::types::{
        BlockId, DuplicateVoteEvidence, Evidence, PartSetHeader, Vote, evidence::Sum,
    },
};

fn hex(json: &Value) -> Option<Vec<u8>> {
    hex::decode(json.as_str()?).ok()
}

/// Base64; nothing for `null`.
fn base64(json: &Value) -> Option<Vec<u8>> {
    match json {
        Value::Null => Some(Vec::new()),
        it => BASE64_STANDARD.decode(it.as_str()?).ok(),
    }
}

fn time(json: &Value) -> Option<timestamp::Timestamp> {
    timestamp::parse(json.as_str()?)
}

/// A 64-bit number in quotes.
fn wide(json: &Value) -> Option<i64> {
    json.as_str()?.parse().ok()
}

fn narrow(json: &Value) -> Option<i32> {
    i32::try_from(json.as_i64()?).ok()
}

fn vote(json: &Value) -> Option<Vote> {
    let id = &json["block_id"];
    Some(Vote {
        r#type: narrow(&json["type"])?,
        height: wide(&json["height"])?,
        round: narrow(&json["round"])?,
        block_id: BlockId {
            hash: hex(&id["hash"])?,
            part_set_header: PartSetHeader {
                total: u32::try_from(id["parts"]["total"].as_u64()?).ok()?,
                hash: hex(&id["parts"]["hash"])?,
            },
        },
        timestamp: time(&json["timestamp"])?,
        validator_address: hex(&json["validator_address"])?,
        validator_index: narrow(&json["validator_index"])?,
        signature: base64(&json["signature"])?,
        extension: base64(&json["extension"])?,
        extension_signature: base64(&json["extension_signature"])?,
    })
}

/// Reads evidence of a duplicate vote, in the form in which blocks print it.
pub(super) fn read(json: &Value) -> Option<Evidence> {
    if json["type"] != "tendermint/DuplicateVoteEvidence" {
        return None;
    }
    let value = &json["value"];
    Some(Evidence {
        sum: Some(Sum::DuplicateVoteEvidence(DuplicateVoteEvidence {
            vote_a: Some(vote(&value["vote_a"])?),
            vote_b: Some(vote(&value["vote_b"])?),
            total_voting_power: wide(&value["TotalVotingPower"])?,
            validator_power: wide(&value["ValidatorPower"])?,
            timestamp: time(&value["Timestamp"])?,
        })),
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn evidence_reads_back_as_it_was_printed() {
        let vote = |signature: u8| Vote {
            r#type: 2,
            height: 7,
            round: 1,
            block_id: BlockId {
                hash: vec![signature; 32],
                part_set_header: PartSetHeader { total: 1, hash: vec![9; 32] },
            },
            timestamp: timestamp::parse("2026-01-02T03:04:05.5Z").unwrap(),
            validator_address: vec![3; 20],
            validator_index: 4,
            signature: vec![signature; 64],
            ..Vote::default()
        };
        let evidence = Evidence {
            sum: Some(Sum::DuplicateVoteEvidence(DuplicateVoteEvidence {
                vote_a: Some(vote(1)),
                vote_b: Some(vote(2)),
                total_voting_power: 100,
                validator_power: 10,
                timestamp: timestamp::parse("2026-01-02T03:04:06Z").unwrap(),
            })),
        };
        let printed = super::super::shapes::evidence(&evidence);
        assert_eq!(read(&printed), Some(evidence));
        for broken in ["vote_a", "TotalVotingPower", "Timestamp"] {
            let mut json = printed.clone();
            json["value"][broken] = Value::Null;
            assert_eq!(read(&json), None, "{broken}");
        }
    }
}
