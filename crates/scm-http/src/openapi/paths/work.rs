//! Work on a connected repository.

use scm_service::{CherryPicks, Compared, ReleaseNotes, Released, WebUrls};
use scm_types::{
    BranchInfo, BranchName, CommitSha, ErrorCode, RefSearch, RefSpec, Role, TagInfo, TagName,
};
use serde_json::{Value, json};

use crate::openapi::{
    Api,
    answer::Answer,
    bodies::{CreateBranch, CreateRelease, CreateTag, ReleaseNotesOf},
    examples::{self, bodies},
    failures::{HOST, MAKE, REFS, WORK},
    operation::Operation,
    parts::{cursor, limit, path, query, required_query},
};

const TAG: &str = "repository";

/// Where a page of branches starts.
const BRANCH_CURSOR: (&str, &str) = ("^[0-9]{1,9}\\.[0-9]{0,9}\\.[A-Za-z0-9_-]*$", "0.3.cGFnZT0y");

/// Where a page of tags starts.
const TAG_CURSOR: (&str, &str) = (
    "^tag\\.[0-9]{0,13}\\.[!-~]{1,244}$",
    "tag.1793527200000.v1.2.0",
);

pub(super) fn add(api: &mut Api) {
    branches(api);
    tags(api);
    create_tag(api);
    compare(api);
    notes(api);
    release(api);
    urls(api);
}

/// A tag by name, or by targets and version; optional where a third choice stands.
fn named_by(name: &str, targets: &str, version: &str) -> Vec<Value> {
    let absent = json!({"type": "null"});
    let by_name = json!({
        "required": [name],
        "properties": {name: {"type": "string"}, targets: absent, version: absent},
    });
    let by_parts = json!({
        "required": [targets, version],
        "properties": {name: absent, targets: {"type": "array"}, version: {"type": "string"}},
    });
    vec![by_name, by_parts]
}

/// The tag before, by name, by parts, or not at all.
fn named_before() -> Vec<Value> {
    let mut ways = named_by("previousTag", "parentTargets", "baseVersion");
    ways.push(not_given(&["previousTag", "parentTargets", "baseVersion"]));
    ways
}

fn not_given(members: &[&str]) -> Value {
    let nulls = members
        .iter()
        .map(|member| ((*member).to_owned(), json!({"type": "null"})));
    json!({"properties": Value::Object(nulls.collect())})
}

fn branches(api: &mut Api) {
    let branch = api.schema::<BranchInfo>();
    let name = api.schema::<BranchName>();
    let search = api.schema::<RefSearch>();
    let list = Operation::get("/{id}/branches", "listBranches", Role::Viewer)
        .tag(TAG)
        .about(
            "List branches",
            "In the code host's order; the whole list can be walked.",
        )
        .parameters([
            query(
                "search",
                search,
                "Those whose name contains this, whatever the case.",
            ),
            limit(1000),
            cursor(BRANCH_CURSOR.0, BRANCH_CURSOR.1),
        ])
        .answer(
            200,
            Answer::new("The branches.").page(
                branch.clone(),
                examples::branch(),
                false,
                BRANCH_CURSOR.1,
            ),
        )
        .fails(&[HOST, WORK]);
    let get = Operation::get("/{id}/branches/{name}", "getBranch", Role::Viewer)
        .tag(TAG)
        .about(
            "Read a branch",
            "Slashes of the name may stand as they are.",
        )
        .parameter(path(
            "name",
            name,
            "The branch; `refs/heads/` before it is dropped.",
        ))
        .answer(
            200,
            Answer::new("The branch.").data(branch.clone(), examples::branch()),
        )
        .fails(&[HOST, WORK, &[ErrorCode::BranchNotFound]]);
    let body = api.schema::<CreateBranch>();
    let example = bodies([("release", json!({"name": "release/1.2", "from": "main"}))]);
    let made = |text: &'static str| Answer::new(text).data(branch.clone(), examples::branch());
    let create = Operation::post("/{id}/branches", "createBranch", Role::Editor)
        .tag(TAG)
        .about(
            "Make sure that a branch is there",
            "A repeated call after a lost answer is safe.",
        )
        .body(body, example)
        .answer(
            201,
            made("It was made.")
                .message("Branch created")
                .existing(false),
        )
        .answer(
            200,
            made("It was there already, at that commit.")
                .message("Branch exists already")
                .existing(true),
        )
        .fails(&[HOST, WORK, REFS, MAKE]);
    for operation in [list, get, create] {
        api.add(operation);
    }
}

fn tags(api: &mut Api) {
    let tag = api.schema::<TagInfo>();
    let name = api.schema::<TagName>();
    let search = api.schema::<RefSearch>();
    let prefix = query(
        "prefix",
        search.clone(),
        "Those whose name begins with this.",
    );
    let list = Operation::get("/{id}/tags", "listTags", Role::Viewer)
        .tag(TAG)
        .about("List tags", "Newest first: by version, then by date.")
        .parameters([
            prefix.clone(),
            query(
                "search",
                search,
                "Those whose name contains this, whatever the case.",
            ),
            limit(1000),
            cursor(TAG_CURSOR.0, TAG_CURSOR.1),
        ])
        .answer(
            200,
            Answer::new("The tags.")
                .page(tag.clone(), examples::tag(), false, TAG_CURSOR.1)
                .certain(),
        )
        .fails(&[HOST, WORK]);
    let maybe = json!({"anyOf": [tag.clone(), {"type": "null"}]});
    let latest = Operation::get("/{id}/tags/latest", "getLatestTag", Role::Viewer)
        .tag(TAG)
        .about("The newest tag", "`data` is `null` if there is none.")
        .parameter(prefix)
        .answer(
            200,
            Answer::new("The tag, if there is one.")
                .data(maybe, examples::tag())
                .certain(),
        )
        .fails(&[HOST, WORK]);
    let get = Operation::get("/{id}/tags/{name}", "getTag", Role::Viewer)
        .tag(TAG)
        .about("Read a tag", "Slashes of the name may stand as they are.")
        .parameter(path(
            "name",
            name,
            "The tag; `refs/tags/` before it is dropped.",
        ))
        .answer(200, Answer::new("The tag.").data(tag, examples::tag()))
        .fails(&[HOST, WORK, &[ErrorCode::TagNotFound]]);
    for operation in [list, latest, get] {
        api.add(operation);
    }
}

fn create_tag(api: &mut Api) {
    let tag = api.schema::<TagInfo>();
    let body = api.schema::<CreateTag>();
    let place = json!({"anyOf": [
        {"required": ["branch"], "properties": {"branch": {"type": "string"}}},
        {"required": ["expectedSha"], "properties": {"expectedSha": {"type": "string"}}},
    ]});
    let named = json!({"anyOf": named_by("name", "targets", "version")});
    api.restrict("CreateTag", "allOf", json!([named, place]));
    let example = bodies([
        ("byName", json!({"name": "v1.2.0", "branch": "main"})),
        (
            "byTargets",
            json!({"targets": ["WEB", "PLAY_STORE"], "version": "1.0.0", "branch": "main"}),
        ),
    ]);
    let made = |text: &'static str| Answer::new(text).data(tag.clone(), examples::tag());
    let create = Operation::post("/{id}/tags", "createTag", Role::Editor)
        .tag(TAG)
        .about(
            "Make sure that a tag is there",
            "Annotated. Without `name` it is the targets' initials, lower case, `_` and the version: \
             `[\"WEB\",\"PLAY_STORE\"]` and `1.0.0` make `wps_1.0.0`.",
        )
        .body(body, example)
        .answer(201, made("It was made.").message("Tag created").existing(false))
        .answer(200, made("It was there already, at that commit.").message("Tag exists already").existing(true))
        .fails(&[HOST, WORK, REFS, MAKE]);
    api.add(create);
}

fn compare(api: &mut Api) {
    let compared = api.schema::<Compared>();
    let picks = api.schema::<CherryPicks>();
    let spec = api.schema::<RefSpec>();
    let branch = api.schema::<BranchName>();
    let tag = api.schema::<TagName>();
    let compare = Operation::get("/{id}/compare", "compare", Role::Viewer)
        .tag(TAG)
        .about(
            "What one commit has and another has not",
            "As `git rev-list base..head`.",
        )
        .parameters([
            required_query("base", spec.clone(), "What is compared with."),
            required_query("head", spec, "What is compared."),
        ])
        .answer(
            200,
            Answer::new("The commits, newest first.").data(compared, examples::compared()),
        )
        .fails(&[HOST, WORK, REFS]);
    let cherry_picks = Operation::get("/{id}/cherry-picks", "getCherryPicks", Role::Viewer)
        .tag(TAG)
        .about("Whether a branch has gone on since it was tagged", "")
        .parameters([
            required_query("branch", branch, "The branch."),
            required_query("tag", tag, "The tag."),
        ])
        .answer(
            200,
            Answer::new("Both commits, and whether they differ.")
                .data(picks, examples::cherry_picks()),
        )
        .fails(&[HOST, WORK, REFS]);
    api.add(compare);
    api.add(cherry_picks);
}

fn notes(api: &mut Api) {
    let notes = api.schema::<ReleaseNotes>();
    let body = api.schema::<ReleaseNotesOf>();
    api.restrict("ReleaseNotesOf", "anyOf", named_before().into());
    let example = bodies([
        ("sinceTheNewestOther", json!({"currentTag": "v1.2.0"})),
        (
            "sinceATag",
            json!({"currentTag": "v1.2.0", "previousTag": "v1.1.0", "releaseDate": "2026-11-23"}),
        ),
    ]);
    let operation = Operation::post("/{id}/release-notes", "makeReleaseNotes", Role::Editor)
        .tag(TAG)
        .about(
            "Release notes",
            "Made of all commits between two tags; nothing is made at the code host.",
        )
        .body(body, example)
        .answer(
            200,
            Answer::new("The notes.").data(notes, examples::notes()),
        )
        .fails(&[HOST, WORK, REFS, &[ErrorCode::PreviousTagUndecided]]);
    api.add(operation);
}

fn release(api: &mut Api) {
    let released = api.schema::<Released>();
    let body = api.schema::<CreateRelease>();
    let given = not_given(&["previousTag", "parentTargets", "baseVersion", "releaseDate"]);
    let text = json!({"anyOf": [not_given(&["notes"]), given]});
    let named = json!({"anyOf": named_by("tag", "targets", "version")});
    let before = json!({"anyOf": named_before()});
    api.restrict("CreateRelease", "allOf", json!([named, before, text]));
    let example = bodies([
        ("ofATag", json!({"tag": "v1.2.0"})),
        (
            "withTheTag",
            json!({"tag": "v1.2.0", "branch": "main", "notes": "Mends the basket."}),
        ),
    ]);
    let made = |text: &'static str| Answer::new(text).data(released.clone(), examples::released());
    let operation = Operation::post("/{id}/releases", "createRelease", Role::Editor)
        .tag(TAG)
        .about(
            "Make sure that a release is there",
            "Of a tag that is there, or is made at `branch` or `expectedSha`. Where the code host has no \
             releases the notes are the message of the tag, and `data.remark` says so.",
        )
        .body(body, example)
        .answer(201, made("It was made.").message("Release created").existing(false))
        .answer(200, made("It was there already, alike.").message("Release exists already").existing(true))
        .fails(&[
            HOST,
            WORK,
            REFS,
            MAKE,
            &[
                ErrorCode::ReleaseConflict,
                ErrorCode::ReleaseRefused,
                ErrorCode::TagMessageDiffers,
                ErrorCode::NoReleases,
                ErrorCode::PreviousTagUndecided,
            ],
        ]);
    api.add(operation);
}

fn urls(api: &mut Api) {
    let urls = api.schema::<WebUrls>();
    let spec = api.schema::<RefSpec>();
    let branch = api.schema::<BranchName>();
    let tag = api.schema::<TagName>();
    let sha = api.schema::<CommitSha>();
    let operation = Operation::get("/{id}/urls", "getUrls", Role::Viewer)
        .tag(TAG)
        .about(
            "Web addresses",
            "Of the repository and of what is named. No code host is asked; nothing says that it is there.",
        )
        .parameters([
            query("branch", branch, "A branch."),
            query("tag", tag, "A tag."),
            query("commit", sha, "A commit."),
            query("base", spec.clone(), "What is compared with; with `head`."),
            query("head", spec, "What is compared; with `base`."),
        ])
        .answer(200, Answer::new("The addresses, encoded.").data(urls, examples::urls()))
        .fails(&[&[ErrorCode::HostNotConfigured, ErrorCode::RepositoryUrlUnusable]]);
    api.add(operation);
}
