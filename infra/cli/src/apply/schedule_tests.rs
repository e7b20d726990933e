//! Schedules that somebody else wrote, and changes of a role that broke off.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use segue_platform::StoreError;
use segue_platform::memory::{Asked, Before, MemoryBucket, Watched};
use segue_state::{Role, State};

use super::drift::refuse;
use super::tests::{Desk, FILE, outcomes};
use crate::Failure;
use crate::export::schedules::tests::MemorySchedules;
use crate::export::schedules::{Schedules, other};
use crate::export::standing::{Own, Standing};
use crate::export::timing::Timing;

/// Lets so many writes through, and nothing at all after them: the process is gone.
#[derive(Clone)]
struct Cut {
    left: Arc<AtomicUsize>,
    is_gone: Arc<AtomicUsize>,
}

impl Cut {
    fn after(writes: usize) -> Self {
        Self { left: Arc::new(AtomicUsize::new(writes)), is_gone: Arc::default() }
    }

    fn write(&self) -> bool {
        let left = self.left.load(Ordering::Relaxed);
        self.left.store(left.saturating_sub(1), Ordering::Relaxed);
        self.is_gone.store(usize::from(left == 0), Ordering::Relaxed);
        left > 0
    }

    fn happened(&self) -> bool {
        self.is_gone.load(Ordering::Relaxed) > 0
    }

    fn of_key(&self, key: &str) -> Result<(), StoreError> {
        let cut =
            || StoreError::Failed { key: key.to_owned(), action: "write", problem: "cut off".to_owned() };
        self.write().then_some(()).ok_or_else(cut)
    }
}

#[async_trait]
impl Before for Cut {
    async fn before(&self, asked: Asked, key: &str) -> Result<(), StoreError> {
        if asked.is_write() { self.of_key(key) } else { Ok(()) }
    }
}

/// As EventBridge Scheduler: a schedule is written in one group, and then removed from the other.
struct CutSchedules(Arc<MemorySchedules>, Cut);

#[async_trait]
impl Schedules for CutSchedules {
    async fn get(&self, export: &str) -> Result<Option<Own>, Failure> {
        self.0.get(export).await
    }

    async fn all(&self) -> Result<BTreeMap<String, Own>, Failure> {
        self.0.all().await
    }

    async fn every_name(&self) -> Result<BTreeSet<String>, Failure> {
        self.0.every_name().await
    }

    async fn put(&self, role: Role, export: &str, timing: &Timing) -> Result<(), Failure> {
        self.1.of_key(export)?;
        self.0.write(role, export, Standing::Known(timing.normal()));
        self.1.of_key(export)?;
        self.0.take(other(role), export);
        Ok(())
    }

    async fn remove(&self, export: &str) -> Result<(), Failure> {
        for role in Role::ALL {
            self.1.of_key(export)?;
            self.0.take(role, export);
        }
        Ok(())
    }
}

fn timed(role: Role, schedule: &str) -> String {
    let role = format!("  - id: vip\n    role: {}\n", role.name());
    format!("{}    schedule: {{{schedule}}}\n", FILE.replace("  - id: vip\n", &role))
}

/// A role is changed and cut off after so many writes; `false` if it came to its end.
async fn moves(from: Role, prune: bool, writes: usize) -> bool {
    let (bucket, schedules) = (Arc::new(MemoryBucket::default()), Arc::new(MemorySchedules::default()));
    let mut desk = Desk::new();
    let open = |desk: &mut Desk, writes| {
        let cut = Cut::after(writes);
        desk.state = State::new(Arc::new(Watched::new(bucket.clone(), cut.clone())));
        desk.schedules = Box::new(CutSchedules(schedules.clone(), cut.clone()));
        cut
    };
    open(&mut desk, usize::MAX);
    desk.apply(&timed(from, "rate: 1 day"), "pk_x", true).await;

    let wanted = timed(other(from), "rate: 1 day");
    let cut = open(&mut desk, writes);
    let first = desk.save_of(&wanted, "pk_x", prune).await;
    assert_eq!(first.is_err(), cut.happened());

    open(&mut desk, usize::MAX);
    let whole = |own: Option<Own>| own.is_some_and(|own| own.groups() == [other(from)]);
    let documents = || bucket.keys().into_iter().filter(|key| key.starts_with("config/exports/"));
    let is_done = documents().count() == 1
        && documents().all(|key| key.contains(other(from).name()))
        && whole(schedules.get("vip").await.unwrap());
    let said = desk.says(&wanted, prune).await;
    assert_eq!(said.contains("~ export vip"), !is_done, "after {writes} writes: {said}");
    refuse(&desk.changes(&wanted, prune).await).expect("nobody changed it by hand");

    desk.save_of(&wanted, "pk_x", prune).await.unwrap();
    assert!(documents().all(|key| key.contains(other(from).name())), "after {writes} writes");
    assert!(whole(schedules.get("vip").await.unwrap()), "after {writes} writes");
    assert!(desk.says(&wanted, prune).await.contains("0 to change, 0 to remove, 2 unchanged"));
    cut.happened()
}

#[tokio::test]
async fn a_change_of_a_role_that_was_cut_off_is_seen_and_brought_to_its_end() {
    for from in Role::ALL {
        for prune in [false, true] {
            let mut writes = 0;
            while moves(from, prune, writes).await {
                writes += 1;
            }
            assert!(writes >= 4, "{writes}: two documents, two schedules");
        }
    }
}

#[tokio::test]
async fn a_schedule_in_the_other_roles_group_is_told() {
    let schedules = Arc::new(MemorySchedules::default());
    let mut desk = Desk::new();
    desk.schedules = Box::new(CutSchedules(schedules.clone(), Cut::after(usize::MAX)));
    let wanted = timed(Role::Contributors, "rate: 1 day");
    desk.apply(&wanted, "pk_x", true).await;
    let daily = Standing::of("rate(1 day)", "UTC", true);
    schedules.write(Role::Administrators, "vip", daily.clone());
    insta::assert_snapshot!(desk.says(&wanted, false).await, @r"
    ~ export vip
        schedule.group: administrators, contributors -> contributors
    0 to make, 1 to change, 0 to remove, 1 unchanged
    ");
    assert_eq!(outcomes(&desk.apply(&wanted, "pk_x", false).await), ["unchanged", "changed"]);
    assert_eq!(outcomes(&desk.apply(&wanted, "pk_x", false).await), ["unchanged", "unchanged"]);
}

#[tokio::test]
async fn a_schedule_that_somebody_else_wrote_stops_nothing_and_is_told_before_it_is_overwritten() {
    let schedules = Arc::new(MemorySchedules::default());
    let mut desk = Desk::new();
    desk.schedules = Box::new(CutSchedules(schedules.clone(), Cut::after(usize::MAX)));
    desk.apply(FILE, "pk_x", true).await;
    let theirs = Standing::of("at(2026-12-24T08:00:00)", "Europe/Berlin", true);
    schedules.write(Role::Administrators, "vip", theirs.clone());
    schedules.write(Role::Administrators, "of-no-export", theirs);
    insta::assert_snapshot!(hand(&desk.says(FILE, false).await), @r"
    ~ export vip
        schedule.expression: at(2026-12-24T08:00:00), not Segue's form -> none
        schedule.time_zone: Europe/Berlin -> none
        ! it was changed by hand
    0 to make, 1 to change, 0 to remove, 1 unchanged
    ");
    assert!(refuse(&desk.changes(FILE, false).await).is_err());
    let daily = timed(Role::Administrators, "rate: 1 day");
    insta::assert_snapshot!(hand(&desk.says(&daily, false).await), @r"
    ~ export vip
        schedule.rate: none -> 1 day
        schedule.expression: at(2026-12-24T08:00:00), not Segue's form -> none
        schedule.time_zone: Europe/Berlin -> none
        ! it was changed by hand
    0 to make, 1 to change, 0 to remove, 1 unchanged
    ");
    desk.apply(&daily, "pk_x", false).await;
    let own = schedules.get("vip").await.unwrap().unwrap();
    assert_eq!(own.of_role(Role::Administrators).unwrap().words(), "every day");
}

/// What broke off is done again: nobody changed anything by hand.
#[tokio::test]
async fn an_apply_that_broke_off_is_no_drift_and_is_done_again() {
    let schedules = Arc::new(MemorySchedules::default());
    let mut desk = Desk::new();
    desk.schedules = Box::new(CutSchedules(schedules.clone(), Cut::after(usize::MAX)));
    desk.apply(FILE, "pk_x", true).await;
    let wanted =
        timed(Role::Administrators, "rate: 1 day").replace("display_name: VIP", "display_name: Others");
    desk.schedules = Box::new(CutSchedules(schedules.clone(), Cut::after(0)));
    desk.save_of(&wanted, "pk_x", false).await.unwrap_err();
    desk.schedules = Box::new(CutSchedules(schedules.clone(), Cut::after(usize::MAX)));
    refuse(&desk.changes(&wanted, false).await).expect("nobody changed it by hand");
    desk.save_of(&wanted, "pk_x", false).await.unwrap();
    assert!(desk.says(&wanted, false).await.contains("0 to change"));
}

/// An export of that name that somebody adds later would be started by the schedule of the one before.
#[tokio::test]
async fn a_prune_that_broke_off_leaves_no_schedule_behind_and_is_no_drift() {
    let (bucket, schedules) = (Arc::new(MemoryBucket::default()), Arc::new(MemorySchedules::default()));
    let mut desk = Desk::new();
    let open = |desk: &mut Desk, writes| {
        let cut = Cut::after(writes);
        desk.state = State::new(Arc::new(Watched::new(bucket.clone(), cut.clone())));
        desk.schedules = Box::new(CutSchedules(schedules.clone(), cut));
    };
    open(&mut desk, usize::MAX);
    desk.apply(&timed(Role::Administrators, "rate: 1 day").replace("id: vip", "id: old"), "pk_x", true).await;
    desk.apply(FILE, "pk_x", true).await;
    // Before the schedule is removed; and when that was done and noted.
    for writes in [0, 3] {
        open(&mut desk, writes);
        desk.save_of(FILE, "pk_x", true).await.unwrap_err();
        open(&mut desk, usize::MAX);
        assert!(desk.state.export("old").await.unwrap().is_some(), "both are found when it is done again");
        refuse(&desk.changes(FILE, true).await).expect("nobody changed it by hand");
    }
    assert!(schedules.all().await.unwrap().is_empty());
    desk.save_of(FILE, "pk_x", true).await.unwrap();
    assert!(desk.state.export("old").await.unwrap().is_none());
}

/// Without who applied the file, and when.
fn hand(said: &str) -> String {
    let lines = said.lines().map(|line| line.split(" since ").next().unwrap_or_default());
    lines.collect::<Vec<_>>().join("\n")
}
