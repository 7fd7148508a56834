"""What a wallet does, with cosmpy. Every step asserts the state that it leaves.

Environment: URL (grpc+http://… or rest+http://…: how cosmpy talks to the node), GRPC (host and
port; grants, fee grants and votes are asked there, as cosmpy has no REST client for them), PHRASE
(a funded account).

Prints one line per step and ends with "all steps passed"; raises otherwise.
"""

import os
import time
from datetime import datetime, timedelta, timezone

import grpc
from cosmpy.aerial.client import LedgerClient
from cosmpy.aerial.client.utils import prepare_and_broadcast_basic_transaction
from cosmpy.aerial.config import NetworkConfig
from cosmpy.aerial.exceptions import BroadcastError, InsufficientFeesError, OutOfGasError
from cosmpy.aerial.tx import Transaction, TxFee
from cosmpy.aerial.types import Account
from cosmpy.aerial.wallet import LocalWallet
from cosmpy.protos.cosmos.auth.v1beta1 import query_pb2 as auth_query
from cosmpy.protos.cosmos.auth.v1beta1 import query_pb2_grpc as auth_grpc
from cosmpy.protos.cosmos.authz.v1beta1 import authz_pb2, query_pb2, query_pb2_grpc, tx_pb2
from cosmpy.protos.cosmos.bank.v1beta1 import authz_pb2 as bank_authz
from cosmpy.protos.cosmos.bank.v1beta1 import bank_pb2
from cosmpy.protos.cosmos.bank.v1beta1 import query_pb2 as bank_query
from cosmpy.protos.cosmos.bank.v1beta1 import query_pb2_grpc as bank_grpc
from cosmpy.protos.cosmos.bank.v1beta1 import tx_pb2 as bank_tx
from cosmpy.protos.cosmos.base.v1beta1.coin_pb2 import Coin
from cosmpy.protos.cosmos.feegrant.v1beta1 import feegrant_pb2
from cosmpy.protos.cosmos.feegrant.v1beta1 import query_pb2 as feegrant_query
from cosmpy.protos.cosmos.feegrant.v1beta1 import query_pb2_grpc as feegrant_grpc
from cosmpy.protos.cosmos.feegrant.v1beta1 import tx_pb2 as feegrant_tx
from cosmpy.protos.cosmos.gov.v1beta1 import gov_pb2
from cosmpy.protos.cosmos.gov.v1beta1 import query_pb2 as gov_query
from cosmpy.protos.cosmos.gov.v1beta1 import query_pb2_grpc as gov_grpc
from cosmpy.protos.cosmos.gov.v1beta1 import tx_pb2 as gov_tx
from cosmpy.protos.cosmos.staking.v1beta1 import query_pb2 as staking_query
from cosmpy.protos.cosmos.staking.v1beta1 import query_pb2_grpc as staking_grpc
from cosmpy.protos.cosmos.vesting.v1beta1 import tx_pb2 as vesting_tx
from cosmpy.protos.cosmos.vesting.v1beta1 import vesting_pb2
from google.protobuf.any_pb2 import Any as ProtoAny
from google.protobuf.timestamp_pb2 import Timestamp

PAID = 10_000


def fee(**changes) -> TxFee:
    """A fee that pays for any message here."""
    return TxFee(**{"amount": f"{PAID}uakt", "gas_limit": 400_000, **changes})


def step(text: str) -> None:
    print(f"ok  {text}", flush=True)


def packed(message) -> ProtoAny:
    packed = ProtoAny()
    packed.Pack(message, type_url_prefix="/")
    return packed


def uakt(amount: int) -> Coin:
    return Coin(denom="uakt", amount=str(amount))


def until(what: str, probe, limit_s: float = 90.0):
    """What `probe` gives as soon as it is something."""
    end = time.monotonic() + limit_s
    while time.monotonic() < end:
        found = probe()
        if found:
            return found
        time.sleep(0.2)
    raise AssertionError(f"waited in vain until {what}")


def refused(error_type, call):
    """The error that a call raises."""
    try:
        call()
    except error_type as error:
        return error
    raise AssertionError(f"no {error_type.__name__}")


channel = grpc.insecure_channel(os.environ["GRPC"].removeprefix("http://"))
authz = query_pb2_grpc.QueryStub(channel)
feegrants = feegrant_grpc.QueryStub(channel)
gov = gov_grpc.QueryStub(channel)
staking = staking_grpc.QueryStub(channel)
bank = bank_grpc.QueryStub(channel)
auth = auth_grpc.QueryStub(channel)

client = LedgerClient(
    NetworkConfig(
        chain_id=os.environ["CHAIN_ID"],
        fee_minimum_gas_price=0.025,
        fee_denomination="uakt",
        staking_denomination="uakt",
        url=os.environ["URL"],
    ),
    query_interval_secs=0.2,
    query_timeout_secs=60,
)
wallet = LocalWallet.from_mnemonic(os.environ["PHRASE"], prefix="akash")
me = wallet.address()
balance = client.query_bank_balance

assert client.query_chain_id() == os.environ["CHAIN_ID"]
assert client.query_height() > 0
assert str(client.query_node_info().cosmos_sdk_version).startswith("0.53.")
validators = client.query_validators()
second = next(it for it in validators if it.moniker == "second").address
first = next(it for it in validators if it.moniker != "second").address
step(f"cosmpy is connected to {client.query_chain_id()} through {os.environ['URL'].split(':')[0]}")


def send(message, sender=wallet, account=None, **changes):
    """Sends a message and waits until it is executed."""
    tx = Transaction().add_message(message)
    submitted = prepare_and_broadcast_basic_transaction(
        client, tx, sender, account=account, fee=fee(**changes)
    )
    return submitted.wait_to_complete().response


def paid_rewards(response) -> int:
    """Staking rewards in uakt that came along with a transaction of one message."""
    amounts = response.events.get("withdraw_rewards", {}).get("amount", "")
    return sum(int(it[:-4]) for it in amounts.split(",") if it.endswith("uakt"))


def spend(amount: int, message):
    """A message of ours; asserts what it costs beside the fee and the rewards that come along."""
    before, sequence = balance(me), client.query_account(me).sequence
    response = send(message)
    assert balance(me) == before - PAID - amount + paid_rewards(response)
    assert client.query_account(me).sequence == sequence + 1
    return response


# --- send, multisend ------------------------------------------------------------------------------
friend_wallet = LocalWallet.generate(prefix="akash")
friend = friend_wallet.address()
other = LocalWallet.generate(prefix="akash").address()
before = balance(me)
simulated = client.send_tokens(friend, 1_000_000, "uakt", wallet, memo="to a friend <&>")
simulated.wait_to_complete()
assert balance(friend) == 1_000_000
assert before - balance(me) > 1_000_000
assert simulated.response.gas_used <= simulated.response.gas_wanted
spend(
    300,
    bank_tx.MsgMultiSend(
        inputs=[bank_pb2.Input(address=str(me), coins=[uakt(300)])],
        outputs=[
            bank_pb2.Output(address=str(friend), coins=[uakt(100)]),
            bank_pb2.Output(address=str(other), coins=[uakt(200)]),
        ],
    ),
)
assert (balance(friend), balance(other)) == (1_000_100, 200)
step("a simulated transfer and a multisend move coins")

# --- staking --------------------------------------------------------------------------------------


def staked() -> dict:
    summary = client.query_staking_summary(me)
    return {str(it.validator): it.amount for it in summary.current_positions}


client.delegate_tokens(first, 3_000_000, wallet, fee=fee()).wait_to_complete()
assert staked() == {str(first): 3_000_000}
client.redelegate_tokens(first, second, 40_000, wallet, fee=fee()).wait_to_complete()
assert staked() == {str(first): 2_960_000, str(second): 40_000}
client.undelegate_tokens(first, 960_000, wallet, fee=fee()).wait_to_complete()
assert staked() == {str(first): 2_000_000, str(second): 40_000}
summary = client.query_staking_summary(me)
assert summary.total_unbonding == 960_000
entries = staking.UnbondingDelegation(
    staking_query.QueryUnbondingDelegationRequest(
        delegator_addr=str(me), validator_addr=str(first)
    )
).unbond.entries
assert [it.balance for it in entries] == ["960000"]
assert entries[0].completion_time.ToDatetime(timezone.utc) > datetime.now(timezone.utc)
redelegations = staking.Redelegations(
    staking_query.QueryRedelegationsRequest(delegator_addr=str(me))
).redelegation_responses
assert redelegations[0].entries[0].balance == "40000"
step("delegate, redelegate and undelegate move stake")

until("there are rewards", lambda: client.query_staking_summary(me).total_rewards > 0)
before = balance(me)
claimed = client.claim_rewards(first, wallet, fee=fee()).wait_to_complete().response
assert paid_rewards(claimed) > 0
assert balance(me) == before - PAID + paid_rewards(claimed)
step(f"a claim pays {paid_rewards(claimed)} uakt of rewards")

# --- governance -----------------------------------------------------------------------------------
submitted = spend(
    10_000_000,
    gov_tx.MsgSubmitProposal(
        content=packed(gov_pb2.TextProposal(title="Be nice", description="To each other")),
        initial_deposit=[uakt(10_000_000)],
        proposer=str(me),
    ),
)
proposal_id = int(submitted.events["submit_proposal"]["proposal_id"])
spend(0, gov_tx.MsgVote(proposal_id=proposal_id, voter=str(me), option=gov_pb2.VOTE_OPTION_YES))
vote = gov.Vote(gov_query.QueryVoteRequest(proposal_id=proposal_id, voter=str(me))).vote
assert [it.option for it in vote.options] == [gov_pb2.VOTE_OPTION_YES]
tally = gov.TallyResult(gov_query.QueryTallyResultRequest(proposal_id=proposal_id)).tally
assert (tally.yes, tally.no) == ("2040000", "0")
step(f"proposal {proposal_id} counts the vote with the stake behind it")

# --- grants ---------------------------------------------------------------------------------------
MSG_SEND = "/cosmos.bank.v1beta1.MsgSend"
in_a_day = Timestamp()
in_a_day.FromDatetime(datetime.now(timezone.utc).replace(microsecond=0) + timedelta(days=1))
spend(
    0,
    tx_pb2.MsgGrant(
        granter=str(me),
        grantee=str(friend),
        grant=authz_pb2.Grant(
            authorization=packed(bank_authz.SendAuthorization(spend_limit=[uakt(1_000)])),
            expiration=in_a_day,
        ),
    ),
)


def execute(amount: int):
    inner = bank_tx.MsgSend(
        from_address=str(me), to_address=str(other), amount=[uakt(amount)]
    )
    return send(tx_pb2.MsgExec(grantee=str(friend), msgs=[packed(inner)]), sender=friend_wallet)


def limit() -> str:
    grants = authz.Grants(
        query_pb2.QueryGrantsRequest(
            granter=str(me), grantee=str(friend), msg_type_url=MSG_SEND
        )
    ).grants
    authorization = bank_authz.SendAuthorization()
    assert grants[0].authorization.Unpack(authorization)
    assert grants[0].expiration == in_a_day
    return authorization.spend_limit[0].amount


before = balance(me)
execute(400)
assert (balance(me), balance(other), limit()) == (before - 400, 600, "600")
error = refused(BroadcastError, lambda: execute(700))
assert "requested amount is more than spend limit" in str(error), error
assert (balance(other), limit()) == (600, "600")
spend(0, tx_pb2.MsgRevoke(granter=str(me), grantee=str(friend), msg_type_url=MSG_SEND))
assert not authz.GranterGrants(query_pb2.QueryGranterGrantsRequest(granter=str(me))).grants
step("grant, exec within the limit and beyond it, revoke")

# --- fee grants -----------------------------------------------------------------------------------
poor_wallet = LocalWallet.generate(prefix="akash")
poor = poor_wallet.address()
client.send_tokens(poor, 10, "uusdc", wallet, fee=fee()).wait_to_complete()
spend(
    0,
    feegrant_tx.MsgGrantAllowance(
        granter=str(me),
        grantee=str(poor),
        allowance=packed(feegrant_pb2.BasicAllowance(spend_limit=[uakt(15_000)])),
    ),
)


def gift():
    client.send_tokens(friend, 4, "uusdc", poor_wallet, fee=fee(granter=me)).wait_to_complete()


before = balance(me)
gift()
assert balance(me) == before - PAID
assert (balance(poor), balance(poor, "uusdc"), balance(friend, "uusdc")) == (0, 6, 4)
allowance = feegrant_pb2.BasicAllowance()
feegrants.Allowance(
    feegrant_query.QueryAllowanceRequest(granter=str(me), grantee=str(poor))
).allowance.allowance.Unpack(allowance)
assert allowance.spend_limit == [uakt(15_000 - PAID)]
error = refused(BroadcastError, gift)
assert "fee limit exceeded" in str(error), error
spend(0, feegrant_tx.MsgRevokeAllowance(granter=str(me), grantee=str(poor)))
assert not feegrants.Allowances(
    feegrant_query.QueryAllowancesRequest(grantee=str(poor))
).allowances
step("a granter pays a fee, its allowance shrinks, and is revoked")

# --- vesting --------------------------------------------------------------------------------------
locked_wallet = LocalWallet.generate(prefix="akash")
locked = locked_wallet.address()
end_time = int(time.time()) + 3_600
spend(
    2_000_000,
    vesting_tx.MsgCreateVestingAccount(
        from_address=str(me),
        to_address=str(locked),
        amount=[uakt(2_000_000)],
        end_time=end_time,
        delayed=True,
    ),
)
client.send_tokens(locked, 50_000, "uakt", wallet, fee=fee()).wait_to_complete()


def spendable() -> list:
    request = bank_query.QuerySpendableBalancesRequest(address=str(locked))
    return list(bank.SpendableBalances(request).balances)


def stored() -> vesting_pb2.DelayedVestingAccount:
    """The account, which cosmpy itself reads only if it is a plain one."""
    account = vesting_pb2.DelayedVestingAccount()
    request = auth_query.QueryAccountRequest(address=str(locked))
    assert auth.Account(request).account.Unpack(account)
    return account


def from_locked(amount: int):
    base = stored().base_vesting_account.base_account
    message = bank_tx.MsgSend(
        from_address=str(locked), to_address=str(friend), amount=[uakt(amount)]
    )
    account = Account(address=locked, number=base.account_number, sequence=base.sequence)
    return send(message, sender=locked_wallet, account=account)


assert (balance(locked), spendable()) == (2_050_000, [uakt(50_000)])
assert stored().base_vesting_account.end_time == end_time
assert list(stored().base_vesting_account.original_vesting) == [uakt(2_000_000)]
error = refused(BroadcastError, lambda: from_locked(50_000))
assert "spendable balance 40000uakt is smaller than 50000uakt" in str(error), error
from_locked(1_000)
assert spendable() == [uakt(50_000 - 2 * PAID - 1_000)]
step("a vesting account spends what is free, and no more")

# --- what is refused ------------------------------------------------------------------------------
account = client.query_account(me)
purse = balance(me)


def attempt(used=account, **changes):
    message = bank_tx.MsgSend(from_address=str(me), to_address=str(friend), amount=[uakt(1)])
    send(message, account=used, **changes)


error = refused(InsufficientFeesError, lambda: attempt(amount="1uakt", gas_limit=200_000))
assert error.minimum_required_fee == "500uakt", error
error = refused(OutOfGasError, lambda: attempt(gas_limit=10_000))
assert error.gas_wanted == 10_000 and error.gas_used > 10_000, error
later = Account(address=me, number=account.number, sequence=account.sequence + 5)
error = refused(BroadcastError, lambda: attempt(used=later))
expected = f"account sequence mismatch, expected {account.sequence}, got {account.sequence + 5}"
assert expected in str(error), error
wrong = Account(address=me, number=account.number + 1, sequence=account.sequence)
error = refused(BroadcastError, lambda: attempt(used=wrong))
assert "signature verification failed" in str(error), error
assert (balance(me), client.query_account(me).sequence) == (purse, account.sequence)
step("too small a fee, too little gas, wrong sequence, wrong account: refused, and free of charge")

had = balance(friend)
many = Transaction()
for _ in range(5):
    many.add_message(
        bank_tx.MsgSend(from_address=str(me), to_address=str(friend), amount=[uakt(1)])
    )
submitted = prepare_and_broadcast_basic_transaction(
    client, many, wallet, account=account, fee=fee(gas_limit=95_000)
)
error = refused(OutOfGasError, submitted.wait_to_complete)
assert error.gas_wanted == 95_000 and error.gas_used > 95_000, error
assert (balance(me), balance(friend)) == (purse - PAID, had)
assert client.query_account(me).sequence == account.sequence + 1
step("out of gas in a block: nothing is sent, the fee is paid, the sequence goes on")

# --- the end of the vote --------------------------------------------------------------------------


def decided():
    proposal = gov.Proposal(gov_query.QueryProposalRequest(proposal_id=proposal_id)).proposal
    return proposal if proposal.status != gov_pb2.PROPOSAL_STATUS_VOTING_PERIOD else None


outcome = until("the proposal is decided", decided)
assert outcome.status == gov_pb2.PROPOSAL_STATUS_PASSED
assert outcome.final_tally_result.yes == "2040000"
step(f"proposal {proposal_id} has passed")

print("all steps passed", flush=True)
