use scm_types::FixedClock;

use super::*;

fn start() -> (Arc<FixedClock>, Budgets, CredentialKey) {
    let at = Timestamp::parse("2026-11-01T00:00:00Z").unwrap();
    let clock = Arc::new(FixedClock::at(at));
    let budgets = Budgets::new(Arc::clone(&clock) as Arc<dyn Clock>);
    (clock, budgets, CredentialKey::of(b"a"))
}

#[tokio::test]
async fn a_refusal_closes_until_its_time_and_only_for_its_credential() {
    let (clock, budgets, key) = start();
    let wait = Duration::from_secs(42);
    assert_eq!(budgets.note(key, Limit::Refused { wait }).await, Some(wait));
    let refused = budgets.check(key).await.unwrap_err();
    assert_eq!(refused.retry_after(), Some(wait));
    assert!(budgets.check(CredentialKey::of(b"b")).await.is_ok());
    clock.advance(wait);
    assert!(budgets.check(key).await.is_ok());
}

#[tokio::test]
async fn the_last_answer_is_good_and_the_next_call_is_refused() {
    let (clock, budgets, key) = start();
    let until = clock.now().plus(Duration::from_secs(10));
    assert_eq!(budgets.note(key, Limit::Exhausted { until }).await, None);
    assert!(budgets.check(key).await.is_err());
    clock.advance(Duration::from_secs(10));
    assert!(budgets.check(key).await.is_ok());
}

#[tokio::test]
async fn refusals_without_a_time_double_to_an_hour_and_start_anew_after_an_answer() {
    let (clock, budgets, key) = start();
    let first = Duration::from_mins(1);
    let growing = Limit::RefusedGrowing { first };
    for want in [60, 120, 240, 480, 960, 1_920, 3_600, 3_600] {
        let wait = budgets.note(key, growing).await.unwrap();
        assert_eq!(wait.as_secs(), want);
        clock.advance(wait);
    }
    assert_eq!(budgets.note(key, Limit::Clear).await, None);
    assert_eq!(budgets.note(key, growing).await, Some(first));
}

#[tokio::test]
async fn refusals_of_calls_that_were_under_way_together_count_once() {
    let (clock, budgets, key) = start();
    let first = Duration::from_mins(1);
    let growing = Limit::RefusedGrowing { first };
    for _ in 0..8 {
        assert_eq!(budgets.note(key, growing).await, Some(first));
    }
    clock.advance(Duration::from_secs(20));
    let left = Duration::from_secs(40);
    assert_eq!(budgets.note(key, growing).await, Some(left));
    clock.advance(left);
    assert_eq!(budgets.note(key, growing).await, Some(first * 2));
}

#[tokio::test]
async fn a_straggler_does_not_shorten_a_wait() {
    let (clock, budgets, key) = start();
    let (hour, second) = (Duration::from_hours(1), Duration::from_secs(1));
    let refused = |wait| Limit::Refused { wait };
    assert_eq!(budgets.note(key, refused(hour)).await, Some(hour));
    assert_eq!(budgets.note(key, refused(second)).await, Some(hour));
    let until = clock.now().plus(second);
    budgets.note(key, Limit::Exhausted { until }).await;
    clock.advance(second);
    let error = budgets.check(key).await.unwrap_err();
    assert_eq!(error.retry_after(), Some(hour.checked_sub(second).unwrap()));
    // The other way round the longer one counts, too.
    let day = Duration::from_hours(24);
    assert_eq!(budgets.note(key, refused(day)).await, Some(day));
}

#[tokio::test]
async fn a_last_good_answer_under_way_does_not_reset_the_growth() {
    let (clock, budgets, key) = start();
    let first = Duration::from_mins(1);
    let growing = Limit::RefusedGrowing { first };
    budgets.note(key, growing).await;
    let until = clock.now().plus(Duration::from_secs(5));
    budgets.note(key, Limit::Exhausted { until }).await;
    clock.advance(first);
    assert_eq!(budgets.note(key, growing).await, Some(first * 2));
}

#[tokio::test]
async fn a_late_good_answer_does_not_lift_a_newer_refusal() {
    let (_, budgets, key) = start();
    let wait = Duration::from_secs(30);
    budgets.note(key, Limit::Refused { wait }).await;
    budgets.note(key, Limit::Clear).await;
    assert!(budgets.check(key).await.is_err());
}

fn left(calls: u32, until: Timestamp) -> Limit {
    left_of(calls, None, until)
}

fn left_of(calls: u32, of: Option<u32>, until: Timestamp) -> Limit {
    Limit::Left { calls, of, until }
}

#[tokio::test]
async fn a_sequence_begins_only_if_it_can_be_finished() {
    let (clock, budgets, key) = start();
    assert!(budgets.reserve(key, 9).await.is_ok(), "nothing is known");
    let hour = Duration::from_hours(1);
    let until = clock.now().plus(hour);
    assert_eq!(budgets.note(key, left(5, until)).await, None);
    let refused = budgets.reserve(key, 6).await.unwrap_err();
    assert_eq!(refused.retry_after(), Some(hour));
    assert!(budgets.check(key).await.is_ok(), "single calls go on");
    assert!(budgets.reserve(CredentialKey::of(b"b"), 6).await.is_ok());
    // What one has set aside is not there for another.
    assert!(budgets.reserve(key, 3).await.is_ok());
    assert!(budgets.reserve(key, 3).await.is_err());
    assert!(budgets.reserve(key, 2).await.is_ok());
    clock.advance(hour);
    assert!(
        budgets.reserve(key, 9).await.is_ok(),
        "the limit starts anew"
    );
}

#[tokio::test]
async fn the_lowest_number_of_a_window_counts() {
    let (clock, budgets, key) = start();
    let until = clock.now().plus(Duration::from_hours(1));
    let second = Duration::from_secs(1);
    let allows = async |calls| budgets.reserve(key, calls).await.is_ok();
    for limit in [
        left(7, until),
        left(3, until.plus(second)),
        left(6, until),
        Limit::Clear,
        left(900, clock.now().plus(Duration::from_mins(1))), // of a window before
        left(900, clock.now()),
    ] {
        budgets.note(key, limit).await;
    }
    assert!(!allows(4).await && allows(3).await);
    let next = until.plus(Duration::from_hours(1));
    budgets.note(key, left(5_000, next)).await;
    assert!(allows(4).await, "a new window");
    budgets.note(key, left(0, until)).await;
    assert!(allows(4).await, "a straggler of the old one");
    budgets.note(key, Limit::Exhausted { until: next }).await;
    budgets.note(key, left(9, next)).await;
    assert!(!allows(1).await);
}

#[tokio::test]
async fn windows_whose_end_slides_do_not_last() {
    let (clock, budgets, key) = start();
    let period = Duration::from_secs(2);
    budgets.note(key, left(1, clock.now().plus(period))).await;
    for _ in 0..3 {
        clock.advance(Duration::from_secs(1));
        budgets.note(key, left(9, clock.now().plus(period))).await;
    }
    assert!(budgets.reserve(key, 5).await.is_ok());
}

#[tokio::test]
async fn a_refusal_closes_whatever_is_left() {
    let (clock, budgets, key) = start();
    let until = clock.now().plus(Duration::from_hours(1));
    budgets.note(key, left(4_000, until)).await;
    let first = Duration::from_mins(1);
    let growing = Limit::RefusedGrowing { first };
    assert_eq!(budgets.note(key, growing).await, Some(first));
    budgets.note(key, left(3_999, until)).await;
    let refused = budgets.reserve(key, 2).await.unwrap_err();
    assert_eq!(refused.retry_after(), Some(first));
    clock.advance(first);
    assert!(budgets.reserve(key, 2).await.is_ok());
    assert_eq!(budgets.note(key, growing).await, Some(first * 2));
}

#[tokio::test]
async fn background_calls_leave_a_fifth_to_users() {
    #[track_caller]
    fn check(allowed: bool, want: bool, told: Limit) {
        assert_eq!(allowed, want, "{told:?}");
    }
    let hour = Duration::from_hours(1);
    let (clock, ..) = start();
    let until = clock.now().plus(hour);
    for (told, want) in [
        (left_of(5_000, Some(5_000), until), true),
        (left_of(1_001, Some(5_000), until), true),
        (left_of(1_000, Some(5_000), until), true),
        (left_of(999, Some(5_000), until), false),
        (left_of(1, Some(5_000), until), false),
        (left_of(1, Some(1), until), true),
        (left_of(2, Some(6), until), true),
        (left_of(1, Some(6), until), false),
        (left_of(0, Some(0), until), false),
        // How many there are in all is not told.
        (left_of(1, None, until), true),
        (left_of(0, None, until), false),
        (Limit::Clear, true),
        (Limit::Near { wait: hour }, false),
    ] {
        let (clock, budgets, key) = start();
        assert!(budgets.check_background(key).await.is_ok());
        budgets.note(key, told).await;
        let outcome = budgets.check_background(key).await;
        check(outcome.is_ok(), want, told);
        if let Err(error) = outcome {
            assert_eq!(error.retry_after(), Some(hour), "until it starts anew");
        }
        assert!(budgets.check(key).await.is_ok(), "users go on: {told:?}");
        let other = CredentialKey::of(b"b");
        assert!(budgets.check_background(other).await.is_ok());
        clock.advance(hour);
        assert!(budgets.check_background(key).await.is_ok(), "{told:?}");
    }
}

#[tokio::test]
async fn the_size_of_a_limit_is_remembered_as_it_goes_down() {
    let (clock, budgets, key) = start();
    let hour = Duration::from_hours(1);
    let until = clock.now().plus(hour);
    budgets.note(key, left_of(300, Some(1_000), until)).await;
    assert!(budgets.check_background(key).await.is_ok());
    // What is set aside for a user counts.
    budgets.reserve(key, 101).await.unwrap();
    assert!(budgets.check_background(key).await.is_err());
    // A sequence that would go below it does not begin.
    let (_, fresh, key2) = start();
    fresh.note(key2, left_of(204, Some(1_000), until)).await;
    assert!(fresh.reserve_background(key2, 6).await.is_err());
    assert!(fresh.reserve_background(key2, 5).await.is_ok());
    assert!(fresh.reserve_background(key2, 1).await.is_err());
    assert!(fresh.reserve(key2, 199).await.is_ok(), "users go on");
    budgets.note(key, left_of(190, None, until)).await;
    assert!(budgets.check_background(key).await.is_err());
    let next = until.plus(hour);
    budgets.note(key, left_of(1_000, Some(1_000), next)).await;
    assert!(budgets.check_background(key).await.is_ok(), "a new window");
}

#[tokio::test]
async fn little_is_left_until_its_time_whatever_else_is_answered() {
    let (clock, budgets, key) = start();
    let wait = Duration::from_mins(5);
    budgets.note(key, Limit::Near { wait }).await;
    budgets.note(key, Limit::Clear).await;
    clock.advance(Duration::from_mins(4));
    let refused = budgets.check_background(key).await.unwrap_err();
    assert_eq!(refused.retry_after(), Some(Duration::from_mins(1)));
    budgets.note(key, Limit::Near { wait }).await;
    clock.advance(Duration::from_mins(4));
    assert!(budgets.check_background(key).await.is_err());
    assert!(budgets.check(key).await.is_ok() && budgets.reserve(key, 9).await.is_ok());
    clock.advance(Duration::from_mins(1));
    assert!(budgets.check_background(key).await.is_ok());
}

#[test]
fn numbers_of_calls() {
    assert_eq!(remaining(7), Some(7));
    assert_eq!(remaining(i64::MAX), Some(u32::MAX));
    assert_eq!(remaining(-1), None);
}

#[test]
fn resets_are_believed_for_a_day() {
    let now = Timestamp::parse("2026-11-01T00:00:00Z").unwrap();
    let epoch = now.as_millis() / 1_000;
    let wait = |seconds| until_epoch(seconds, now).map(|at| now.until(at).as_secs());
    assert_eq!(wait(epoch + 60), Some(61));
    assert_eq!(wait(epoch - 60), Some(0));
    assert_eq!(wait(epoch + 10_000_000), Some(86_400));
    assert_eq!(wait(i64::MAX), None);
}
