//! Faults begin and end, and what a host says of itself is seen to.

use std::time::Duration;

use rand::Rng;
use turmoil::Sim;

use super::{Alert, CLIENTS_HOST, Cluster, Machine, RESTART, host};
use crate::{
    office::Change,
    plan::{Fault, HOME, NODES, Who},
};

/// A cluster does not grow beyond this by itself.
const MEMBERS_MOST: usize = 7;

/// A node that starts reads what it needs within this.
const FOUND_WITHIN: Duration = Duration::from_secs(5);

/// Whether a fault cuts whom it strikes off from others.
fn cuts(fault: &Fault) -> bool {
    matches!(fault, Fault::Partition(..) | Fault::OneWay(..) | Fault::Hold(..) | Fault::Isolate(_))
}

impl Cluster {
    fn members(&self) -> Vec<u64> {
        let office = self.office.lock();
        self.machines.keys().copied().filter(|n| !office.gone.contains(n)).collect()
    }

    fn whoever(&self, who: Who) -> Vec<u64> {
        let members = self.members();
        members.get(who % members.len().max(1)).copied().into_iter().collect()
    }

    /// Two different nodes.
    fn pair(&self, a: Who, b: Who) -> Vec<u64> {
        let members = self.members();
        let many = members.len().max(2);
        let (a, b) = (a % many, (a % many + 1 + b % (many - 1)) % many);
        [a, b].iter().filter_map(|place| members.get(*place).copied()).collect()
    }

    /// Nodes of the voters' region, or of the others.
    fn of_region(&self, home: bool) -> Vec<u64> {
        let office = self.office.lock();
        let members = self.machines.keys().copied().filter(|n| !office.gone.contains(n));
        members.filter(|n| (office.region(*n) == HOME) == home).collect()
    }

    /// Whether a disk may be lost now: none is yet, and nobody changes who belongs to the cluster.
    fn is_whole(&self) -> bool {
        self.ailing.is_none() && self.office.lock().is_idle()
    }

    /// Whom a fault strikes; nobody: it does not fit the cluster as it is.
    fn victims(&self, fault: &Fault) -> Vec<u64> {
        match fault {
            Fault::Crash(who)
            | Fault::Isolate(who)
            | Fault::FullDisk(who)
            | Fault::Clocks(who, ..)
            | Fault::Drift(who, _)
            | Fault::Torn(who)
            | Fault::SyncFails(who)
            | Fault::Pause(who) => self.whoever(*who),
            Fault::Gone(who) => {
                let far = self.of_region(false);
                let gone = far.get(who % far.len().max(1)).copied();
                gone.filter(|n| !self.is_alone(*n)).into_iter().collect()
            }
            Fault::Power => self.of_region(true),
            Fault::Partition(a, b)
            | Fault::OneWay(a, b)
            | Fault::Hold(a, b)
            | Fault::Slow(a, b, _) => self.pair(*a, *b),
            Fault::BitRot(who, _) | Fault::Wipe(who) if self.is_whole() => {
                let mut lost = self.whoever(*who);
                lost.retain(|n| !self.is_alone(*n));
                lost
            }
            Fault::Voters(who) if self.is_whole() => {
                let home = self.of_region(true);
                home.get(who % home.len().max(1)).copied().into_iter().collect()
            }
            Fault::Leave(who) if self.is_whole() => {
                let far = self.of_region(false);
                let enough = far.len() > 1;
                let leaves = far.get(who % far.len().max(1)).copied().filter(|_| enough);
                leaves.filter(|n| !self.is_alone(*n)).into_iter().collect()
            }
            Fault::Move if self.is_whole() => self.of_region(true),
            Fault::MoveHome(who) if self.is_whole() => {
                if let Some(alone) = self.office.lock().alone {
                    return vec![alone];
                }
                let mut far = self.of_region(false);
                // Who is away for long would keep the account closed for as long.
                far.retain(|n| !self.struck.values().any(|struck| struck.contains(n)));
                far.get(who % far.len().max(1)).copied().into_iter().collect()
            }
            Fault::BitRot(..)
            | Fault::Wipe(_)
            | Fault::Voters(_)
            | Fault::Leave(_)
            | Fault::Move
            | Fault::MoveHome(_)
            | Fault::Join(_) => Vec::new(),
        }
    }

    /// Whether a node alone votes in some group: what it loses is lost.
    fn is_alone(&self, node: u64) -> bool {
        self.office.lock().alone == Some(node)
    }

    fn disks(&self, nodes: &[u64]) -> Vec<&Machine> {
        nodes.iter().filter_map(|n| self.machines.get(n)).collect()
    }

    /// A fault begins. Gives whether it struck anybody.
    pub fn break_it(&mut self, sim: &mut Sim<'_>, place: usize, fault: &Fault) -> bool {
        let victims = self.victims(fault);
        let struck = self.strike(sim, fault, &victims);
        if struck {
            if cuts(fault) {
                self.office.lock().cut.extend(&victims);
            }
            self.struck.insert(place, victims);
        }
        struck
    }

    /// What a fault does to the ways between nodes. `false`: nothing.
    fn close_ways(&self, sim: &mut Sim<'_>, fault: &Fault, victims: &[u64]) -> bool {
        match (fault, victims) {
            (Fault::Partition(..), [a, b]) => sim.partition(host(*a), host(*b)),
            (Fault::OneWay(..), [a, b]) => sim.partition_oneway(host(*a), host(*b)),
            (Fault::Hold(..), [a, b]) => sim.hold(host(*a), host(*b)),
            (Fault::Slow(_, _, delay), [a, b]) => {
                sim.set_link_latency(host(*a), host(*b), *delay);
            }
            (Fault::Isolate(_), [a]) => {
                for other in self.others(*a) {
                    sim.partition(host(*a), host(other));
                }
            }
            (Fault::Pause(_), [a]) => {
                for other in self.others(*a) {
                    sim.hold(host(*a), host(other));
                }
                sim.hold(host(*a), CLIENTS_HOST);
            }
            _ => return false,
        }
        true
    }

    fn strike(&mut self, sim: &mut Sim<'_>, fault: &Fault, victims: &[u64]) -> bool {
        let now = sim.elapsed();
        match (fault, victims) {
            (Fault::Crash(_) | Fault::Power | Fault::Gone(_), _) => {
                let kept = self.random.random_range(0..8);
                for node in victims {
                    self.cut_power(sim, *node, kept);
                }
                if matches!(fault, Fault::Gone(_)) {
                    let voters = self.office.lock().voters.clone();
                    for node in victims {
                        self.knew.entry(*node).or_insert_with(|| voters.clone());
                    }
                }
            }
            (Fault::FullDisk(_), _) => self.disks(victims).iter().for_each(|m| m.disk.fill(true)),
            // Both count once a sync has met them.
            (Fault::Torn(_), _) => {
                for machine in self.disks(victims) {
                    let _was = machine.disk.tear(true);
                }
            }
            (Fault::SyncFails(_), _) => {
                for machine in self.disks(victims) {
                    let _was = machine.disk.fail_sync(true);
                }
            }
            (Fault::Clocks(_, leap, wall_ms), _) => {
                let leap = |m: &&Machine| m.skew.lock().leap(now, *leap, *wall_ms);
                self.disks(victims).iter().for_each(leap);
            }
            (Fault::Drift(_, ppm), _) => {
                self.disks(victims).iter().for_each(|m| m.skew.lock().drift(now, *ppm));
            }
            (Fault::BitRot(_, number), [a]) => {
                let rots = self.machines.get(a).is_some_and(|m| m.disk.rot(*number));
                self.ailing = rots.then_some(*a);
                return rots;
            }
            (Fault::Wipe(_), [a]) => {
                self.cut_power(sim, *a, 0);
                self.replace(sim, *a);
            }
            (Fault::Voters(_), [a]) => {
                let new = self.join(sim, HOME);
                self.office.lock().ask(Change::Replace { old: *a, new });
            }
            (Fault::Leave(_), [a]) => self.office.lock().ask(Change::Leave { node: *a }),
            (Fault::Move, [_, ..]) => self.office.lock().ask(Change::Move { home: None }),
            (Fault::MoveHome(_), [a]) => {
                let mut office = self.office.lock();
                office.alone = Some(*a);
                office.ask(Change::Move { home: Some(*a) });
            }
            (Fault::Join(region), _) => {
                if self.members().len() >= MEMBERS_MOST || !self.is_whole() {
                    return false;
                }
                let region = NODES.get(region % NODES.len()).map_or(HOME, |(_, r)| r);
                let node = self.join(sim, region);
                self.office.lock().ask(Change::Join { node });
                return true;
            }
            _ => return self.close_ways(sim, fault, victims),
        }
        !victims.is_empty()
    }

    fn cut_power(&mut self, sim: &mut Sim<'_>, node: u64, kept: usize) {
        sim.crash(host(node));
        self.restarts.remove(&node);
        if let Some(machine) = self.machines.get(&node) {
            let lost = machine.disk.unsynced().saturating_sub(kept);
            self.events.batches_lost += lost as u64;
            machine.disk.lose_unsynced(kept);
        }
    }

    /// A new machine is there, and knows of no cluster yet but whom to call.
    fn join(&mut self, sim: &mut Sim<'_>, region: &str) -> u64 {
        let node = self.next_node;
        self.next_node += 1;
        self.office.lock().regions.insert(node, region.to_owned());
        self.host(sim, node);
        for other in self.others(node) {
            self.set_distance(sim, node, other);
        }
        node
    }

    /// A node is no more, with its disk. Another takes its place, under another number.
    fn replace(&mut self, sim: &mut Sim<'_>, old: u64) {
        sim.crash(host(old));
        self.restarts.remove(&old);
        let region = {
            let mut office = self.office.lock();
            office.gone.insert(old);
            office.serving.remove(&old);
            office.region(old)
        };
        if let Some(machine) = self.machines.get(&old) {
            machine.disk.cure();
        }
        let new = self.join(sim, &region);
        self.office.lock().ask(Change::Replace { old, new });
        (self.ailing, self.well_again) = (None, None);
    }

    fn start_again(&mut self, sim: &mut Sim<'_>, node: u64) {
        let gone = self.office.lock().gone.contains(&node);
        if !gone && !sim.is_host_running(host(node)) {
            self.settle_again(node);
            sim.bounce(host(node));
        }
    }

    /// A fault ends. Gives whether it was still to strike.
    pub fn mend(&mut self, sim: &mut Sim<'_>, place: usize, fault: &Fault) -> bool {
        let Some(victims) = self.struck.remove(&place) else { return false };
        if cuts(fault) {
            let mut office = self.office.lock();
            office.cut.retain(|node| !victims.contains(node));
        }
        match (fault, victims.as_slice()) {
            (Fault::Crash(_) | Fault::Power | Fault::Gone(_), nodes) => {
                for node in nodes {
                    self.start_again(sim, *node);
                }
            }
            (Fault::Partition(..) | Fault::OneWay(..), [a, b]) => sim.repair(host(*a), host(*b)),
            (Fault::Hold(..), [a, b]) => sim.release(host(*a), host(*b)),
            (Fault::Slow(..), [a, b]) => self.set_distance(sim, *a, *b),
            (Fault::Isolate(_), [a]) => {
                for other in self.others(*a) {
                    sim.repair(host(*a), host(other));
                }
            }
            (Fault::Pause(_), [a]) => {
                for other in self.others(*a) {
                    sim.release(host(*a), host(other));
                }
                sim.release(host(*a), CLIENTS_HOST);
            }
            (Fault::FullDisk(_), nodes) => {
                self.disks(nodes).iter().for_each(|m| m.disk.fill(false));
            }
            (Fault::Torn(_), nodes) => {
                let missed = self.disks(nodes).iter().all(|m| m.disk.tear(false));
                for node in nodes {
                    self.start_again(sim, *node);
                }
                return missed;
            }
            (Fault::SyncFails(_), nodes) => {
                return self.disks(nodes).iter().all(|m| m.disk.fail_sync(false));
            }
            (Fault::BitRot(..), [a]) if self.ailing == Some(*a) => {
                // Nobody may have read the row yet; a start reads what is there.
                self.cut_power(sim, *a, 0);
                self.start_again(sim, *a);
                self.well_again = Some(sim.elapsed() + FOUND_WITHIN);
            }
            _ => {}
        }
        false
    }

    /// Sees to what hosts have said, and starts again who is due.
    pub fn tend(&mut self, sim: &mut Sim<'_>) {
        let alerts = core::mem::take(&mut *self.alerts.lock());
        for (node, alert) in alerts {
            match alert {
                Alert::Torn => {
                    let many = self.machines.get(&node).map_or(0, |m| m.disk.unsynced());
                    let kept = self.random.random_range(0..=many);
                    self.cut_power(sim, node, kept);
                }
                Alert::Ended if self.is_rotten(node) => {
                    self.events.rot_found += 1;
                    self.replace(sim, node);
                }
                Alert::Ended => {
                    self.events.restarts += 1;
                    self.cut_power(sim, node, 0);
                    self.restarts.insert(node, sim.elapsed() + RESTART);
                }
            }
        }
        while let Some((node, _)) =
            self.restarts.iter().find(|(_, due)| **due <= sim.elapsed()).map(|(n, d)| (*n, *d))
        {
            self.restarts.remove(&node);
            self.start_again(sim, node);
        }
        if self.well_again.is_some_and(|at| at <= sim.elapsed()) {
            self.cure();
        }
        let leaving = core::mem::take(&mut self.office.lock().leaving);
        for node in leaving {
            self.cut_power(sim, node, 0);
        }
    }

    fn is_rotten(&self, node: u64) -> bool {
        self.ailing == Some(node)
            && self.machines.get(&node).is_some_and(|m| m.disk.rot_was_found())
    }

    /// All faults are over, and nobody changes any more who belongs to the cluster.
    pub fn heal(&mut self) {
        self.cure();
        self.office.lock().close();
    }

    /// What rotted and was never read is taken for well: a row that nothing depends on.
    fn cure(&mut self) {
        self.well_again = None;
        if let Some(machine) = self.ailing.take().and_then(|node| self.machines.get(&node)) {
            machine.disk.cure();
        }
    }
}
