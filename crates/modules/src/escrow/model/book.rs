//! The rules of chain.md 6, 7 and 21 once more: whole numbers, plain maps, no code of the module.
//! What the module answers and what it holds must be what this says, to the last unit.
//!
//! Wallets hold whole units; what is left, earned and owed is counted in [`ATTO`].

use std::collections::BTreeMap;

/// The parts of a unit.
pub(super) const ATTO: u128 = 1_000_000_000_000_000_000;

/// The two denominations, by their place.
const ACT: usize = 0;
const AKT: usize = 1;

/// Codespace and code of a refusal.
pub(super) type Refusal = (&'static str, u32);

const INSUFFICIENT: Refusal = ("market", 28);
const NOT_ENOUGH: Refusal = ("sdk", 5);

fn escrow<T>(code: u32) -> Result<T, Refusal> {
    Err(("escrow", code))
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    Open,
    Closed,
    Overdrawn,
}

/// What is left of a deposit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pot {
    pub(super) owner: u8,
    pub(super) granted: bool,
    pub(super) denom: usize,
    pub(super) left: u128,
}

#[derive(Clone, Debug)]
pub(super) struct Pay {
    pub(super) to: u8,
    pub(super) atto_per_block: u128,
    pub(super) phase: Phase,
    pub(super) earned: u128,
    pub(super) paid: u128,
    pub(super) debt: u128,
}

#[derive(Clone, Debug)]
pub(super) struct Acc {
    pub(super) tenant: u8,
    pub(super) phase: Phase,
    pub(super) settled_at: u64,
    pub(super) pots: Vec<Pot>,
    /// In the order of their first deposit; the first is what the account pays in.
    pub(super) denoms: Vec<usize>,
    /// By the text of group, order and provider: the order in which they are served.
    pub(super) pays: BTreeMap<String, Pay>,
    /// Per depositor and denomination: paid in, paid back, used up.
    pub(super) flows: BTreeMap<(u8, usize), [u128; 3]>,
}

/// What a granter lets a grantee take.
#[derive(Clone, Debug)]
pub(super) struct Grant {
    pub(super) limits: [u128; 2],
    /// For accounts of deployments, for those of bids.
    pub(super) scopes: [bool; 2],
    /// The first second at which it is over.
    pub(super) ends: u64,
}

/// Where a deposit comes from, in the order asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum From {
    Balance,
    Grants,
}

#[derive(Clone, Default)]
pub(super) struct Book {
    pub(super) height: u64,
    pub(super) second: u64,
    /// While minting is halted: what AKT is worth, in quarters.
    pub(super) halted_at: Option<u128>,
    /// How often AKT paid all of a shortage.
    pub(super) covered: u32,
    /// What is in the vault and in nobody's books.
    pub(super) dust: [u128; 2],
    pub(super) wallets: BTreeMap<(u8, usize), u128>,
    /// By granter and grantee.
    pub(super) grants: BTreeMap<(u8, u8), Grant>,
    pub(super) accs: BTreeMap<String, Acc>,
}

fn scope_of(key: &str) -> usize {
    usize::from(key.starts_with("bid/"))
}

/// Whether the account ended, and if so whether it was overdrawn.
pub(super) type Ended = Option<bool>;

impl Book {
    pub(super) fn wallet(&self, of: u8, denom: usize) -> u128 {
        self.wallets.get(&(of, denom)).copied().unwrap_or_default()
    }

    /// What is in the vault, per denomination.
    pub(super) fn vault(&self) -> [u128; 2] {
        let mut held = self.dust;
        for acc in self.accs.values() {
            for pot in &acc.pots {
                held[pot.denom] += pot.left;
            }
            for pay in acc.pays.values().filter(|it| it.earned > 0) {
                held[acc.denoms[0]] += pay.earned;
            }
        }
        held.map(|it| {
            assert_eq!(it % ATTO, 0, "coins are whole");
            it / ATTO
        })
    }

    /// Runs `f`; a refusal changes nothing.
    pub(super) fn attempt<T>(
        &mut self,
        f: impl FnOnce(&mut Self) -> Result<T, Refusal>,
    ) -> Result<T, Refusal> {
        let before = self.clone();
        let answer = f(self);
        if answer.is_err() {
            *self = before;
        }
        answer
    }

    /// chain.md 6.3. Nothing moves but the limits of grants.
    fn draw(
        &mut self,
        signer: u8,
        from: &[From],
        scope: usize,
        denom: usize,
        amount: u128,
    ) -> Result<Vec<Pot>, Refusal> {
        let mut missing = amount;
        let mut pots = Vec::new();
        for source in from {
            match source {
                From::Balance => {
                    let held = self.wallet(signer, denom);
                    if held > 0 {
                        let left = held.min(missing);
                        missing -= left;
                        pots.push(Pot { owner: signer, granted: false, denom, left: left * ATTO });
                    }
                }
                From::Grants => {
                    let second = self.second;
                    let of_signer = self.grants.iter_mut().filter(|it| it.0.1 == signer);
                    // Granters are numbered in the order of their addresses.
                    for ((granter, _), grant) in
                        of_signer.filter(|it| it.1.ends > second && it.1.scopes[scope])
                    {
                        let left = grant.limits[denom].min(missing);
                        if left > 0 {
                            grant.limits[denom] -= left;
                            missing -= left;
                            pots.push(Pot {
                                owner: *granter,
                                granted: true,
                                denom,
                                left: left * ATTO,
                            });
                        }
                    }
                }
            }
            if missing == 0 {
                return Ok(pots);
            }
        }
        Err(INSUFFICIENT)
    }

    fn put(&mut self, key: &str, pots: Vec<Pot>) -> Result<(), Refusal> {
        for pot in &pots {
            let wallet = self.wallets.entry((pot.owner, pot.denom)).or_default();
            *wallet = wallet.checked_sub(pot.left / ATTO).ok_or(NOT_ENOUGH)?;
        }
        let acc = self.accs.get_mut(key).unwrap();
        for pot in &pots {
            if !acc.denoms.contains(&pot.denom) {
                acc.denoms.push(pot.denom);
            }
            acc.flows.entry((pot.owner, pot.denom)).or_default()[0] += pot.left;
        }
        acc.pots.extend(pots);
        Ok(())
    }

    pub(super) fn open(
        &mut self,
        key: &str,
        tenant: u8,
        from: &[From],
        denom: usize,
        amount: u128,
    ) -> Result<(), Refusal> {
        let pots = self.draw(tenant, from, scope_of(key), denom, amount)?;
        if self.accs.contains_key(key) {
            return escrow(1);
        }
        let acc = Acc {
            tenant,
            phase: Phase::Open,
            settled_at: self.height,
            pots: Vec::new(),
            denoms: Vec::new(),
            pays: BTreeMap::new(),
            flows: BTreeMap::new(),
        };
        self.accs.insert(key.to_owned(), acc);
        self.put(key, pots)
    }

    pub(super) fn top_up(
        &mut self,
        key: &str,
        signer: u8,
        from: &[From],
        denom: usize,
        amount: u128,
    ) -> Result<(), Refusal> {
        let pots = self.draw(signer, from, scope_of(key), denom, amount)?;
        let Some(acc) = self.accs.get(key) else { return escrow(3) };
        match acc.phase {
            Phase::Closed => return escrow(2),
            Phase::Overdrawn if acc.denoms[0] != denom => return escrow(5),
            _ => {}
        }
        let in_debt = acc.phase == Phase::Overdrawn;
        self.put(key, pots)?;
        if in_debt {
            self.serve(key, 0);
            let paid = self.accs[key].pays.values().all(|it| it.debt == 0);
            self.end(key, if paid { Phase::Closed } else { Phase::Overdrawn });
        }
        Ok(())
    }

    pub(super) fn pay(
        &mut self,
        key: &str,
        lease: &str,
        to: u8,
        denom: usize,
        atto_per_block: u128,
    ) -> Result<(), Refusal> {
        match self.accs.get(key).map(|it| it.phase) {
            None => return escrow(3),
            Some(Phase::Closed) => return escrow(2),
            Some(Phase::Overdrawn) => return escrow(4),
            Some(Phase::Open) => {}
        }
        if self.settle(key) {
            return escrow(4);
        }
        let acc = self.accs.get_mut(key).unwrap();
        if acc.denoms.first() != Some(&denom) {
            return escrow(5);
        }
        if atto_per_block == 0 {
            return escrow(9);
        }
        if acc.pays.contains_key(lease) {
            return escrow(6);
        }
        let pay = Pay { to, atto_per_block, phase: Phase::Open, earned: 0, paid: 0, debt: 0 };
        acc.pays.insert(lease.to_owned(), pay);
        Ok(())
    }

    /// Withdraws what a lease earned; with `stop` it earns no more.
    pub(super) fn withdraw(
        &mut self,
        key: &str,
        lease: &str,
        stop: bool,
    ) -> Result<Ended, Refusal> {
        let Some(acc) = self.accs.get(key) else { return escrow(3) };
        match acc.pays.get(lease).map(|it| it.phase) {
            None => return escrow(8),
            Some(Phase::Closed) => return escrow(7),
            Some(Phase::Overdrawn) if stop => return Ok(None),
            Some(Phase::Overdrawn) => return escrow(7),
            Some(Phase::Open) => {}
        }
        if self.settle(key) {
            return Ok(Some(true));
        }
        let pay = self.accs.get_mut(key).unwrap().pays.get_mut(lease).unwrap();
        if stop {
            pay.phase = Phase::Closed;
        }
        self.pay_out(key, lease);
        Ok(None)
    }

    pub(super) fn close(&mut self, key: &str) -> Result<Ended, Refusal> {
        match self.accs.get(key).map(|it| it.phase) {
            None => escrow(3),
            Some(Phase::Closed) => escrow(2),
            Some(Phase::Overdrawn) => Ok(None),
            Some(Phase::Open) => {
                let short = self.settle(key);
                if !short {
                    self.end(key, Phase::Closed);
                }
                Ok(Some(short))
            }
        }
    }

    /// Charges an open account up to now (chain.md 6.6). True when the money ran out.
    fn settle(&mut self, key: &str) -> bool {
        let acc = self.accs.get_mut(key).unwrap();
        let blocks = self.height - acc.settled_at;
        acc.settled_at = self.height;
        self.serve(key, blocks);
        let owes = |book: &Self| book.accs[key].pays.values().any(|it| it.debt > 0);
        if owes(self) {
            self.cover(key);
            self.covered += u32::from(!owes(self));
        }
        let short = owes(self);
        if short {
            self.end(key, Phase::Overdrawn);
        }
        short
    }

    /// Moves from the pots to the payments what they are owed, one after the other.
    fn serve(&mut self, key: &str, blocks: u64) {
        let acc = self.accs.get_mut(key).unwrap();
        let denom = acc.denoms.first().copied().unwrap_or_default();
        for pay in acc.pays.values_mut().filter(|it| it.phase != Phase::Closed) {
            pay.debt += pay.atto_per_block * u128::from(blocks) / ATTO * ATTO;
            for pot in acc.pots.iter_mut().filter(|it| it.denom == denom) {
                let part = pay.debt.min(pot.left);
                pot.left -= part;
                pay.debt -= part;
                pay.earned += part;
                acc.flows.entry((pot.owner, denom)).or_default()[2] += part;
            }
        }
    }

    /// Pays debts in AKT while minting is halted (chain.md 6.6): at once, in whole units.
    fn cover(&mut self, key: &str) {
        let acc = self.accs.get_mut(key).unwrap();
        let Some(quarters) = self.halted_at.filter(|_| acc.denoms[0] == ACT) else { return };
        for pay in acc.pays.values_mut().filter(|it| it.debt > 0) {
            let need = pay.debt * 4 / quarters;
            assert_eq!(need * quarters, pay.debt * 4, "the prices here divide without a rest");
            let mut paid = 0;
            for pot in acc.pots.iter_mut().filter(|it| it.denom == AKT) {
                let part = pot.left.min(need - paid);
                pot.left -= part;
                paid += part;
                acc.flows.entry((pot.owner, AKT)).or_default()[2] += part;
            }
            *self.wallets.entry((pay.to, AKT)).or_default() += paid / ATTO;
            self.dust[AKT] += paid % ATTO;
            pay.debt -= paid * quarters / 4;
        }
    }

    /// Nobody is paid any more: all that was earned goes out, all that is left goes back.
    fn end(&mut self, key: &str, phase: Phase) {
        let acc = self.accs.get_mut(key).unwrap();
        acc.phase = phase;
        let tenant = acc.tenant;
        let pots = std::mem::take(&mut acc.pots);
        let mut ended = Vec::new();
        for (lease, pay) in acc.pays.iter_mut().filter(|it| it.1.phase != Phase::Closed) {
            pay.phase = phase;
            ended.push(lease.clone());
        }
        for pot in &pots {
            acc.flows.entry((pot.owner, pot.denom)).or_default()[1] += pot.left;
        }
        // A stopped payment may still hold nothing: it was paid out when it stopped.
        for lease in ended {
            self.pay_out(key, &lease);
        }
        for pot in pots {
            *self.wallets.entry((pot.owner, pot.denom)).or_default() += pot.left / ATTO;
            self.dust[pot.denom] += pot.left % ATTO;
            let second = self.second;
            let grant = self.grants.get_mut(&(pot.owner, tenant)).filter(|it| it.ends > second);
            if let Some(grant) = grant.filter(|_| pot.granted) {
                grant.limits[pot.denom] += pot.left / ATTO;
            }
        }
    }

    fn pay_out(&mut self, key: &str, lease: &str) {
        let acc = self.accs.get_mut(key).unwrap();
        let denom = acc.denoms[0];
        let pay = acc.pays.get_mut(lease).unwrap();
        let earned = pay.earned / ATTO;
        pay.earned %= ATTO;
        pay.paid += earned;
        *self.wallets.entry((pay.to, denom)).or_default() += earned;
    }
}
