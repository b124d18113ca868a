//! Input that is wrong: each kind has its reason from the one enum, says whether trying again helps, tells a person what is wrong, and
//! changes nothing.

use std::time::Duration;

use prost::Message;
use tidegate_client::{Client, Credentials, reason};
use tidegate_proto::{
    common::v1::{AtLeastAsFresh, Consistency, consistency::Mode},
    decision::v1::{AuthorizeRequest, Question},
    iam::v1::{
        AttachUserPolicyRequest, CreatePolicyRequest, CreateUserRequest, DeleteUserRequest,
        GetAccountRequest, GetUserRequest, ListPoliciesRequest, ListPoliciesResponse,
        ListUsersRequest, ListUsersResponse, PutUserPolicyRequest, UpdateUserRequest,
    },
};
use tonic::{Code, Request, Status};

use crate::harness::{
    AUTHORIZE, CREATE_USER, Cluster, LIST_USERS, NODES, PUT_USER_POLICY, call, create, put_policy,
    send, status, user, users,
};

const ATTACH: &str = "/tidegate.iam.v1.IamService/AttachUserPolicy";
const CREATE_POLICY: &str = "/tidegate.iam.v1.IamService/CreatePolicy";
const DELETE_USER: &str = "/tidegate.iam.v1.IamService/DeleteUser";
const GET_ACCOUNT: &str = "/tidegate.iam.v1.AccountService/GetAccount";
const GET_USER: &str = "/tidegate.iam.v1.IamService/GetUser";
const LIST_POLICIES: &str = "/tidegate.iam.v1.IamService/ListPolicies";
const UPDATE_USER: &str = "/tidegate.iam.v1.IamService/UpdateUser";

/// What callers without patience wait: refusals come before it, by name.
const SHORT: Duration = Duration::from_secs(5);

/// What came of each row.
struct Table {
    client: Client,
    wrong: Vec<String>,
}

impl Table {
    /// A row: the refusal must have this code and reason, and say this.
    fn row(
        &mut self,
        what: &str,
        got: Result<Vec<u8>, Status>,
        expected: (Code, &str, bool, &str),
    ) {
        let (code, name, again, says) = expected;
        let Err(refused) = got else {
            return self.wrong.push(format!("{what}: it was accepted"));
        };
        let (reason, retryable) = reason(&refused);
        if (refused.code(), &*reason, retryable) != (code, name, again)
            || !refused.message().contains(says)
        {
            self.wrong.push(format!(
                "{what}:\n  expected {code:?} {name} {again} `{says}`\n  but got  {:?} {reason} {retryable} `{}`",
                refused.code(),
                refused.message()
            ));
        }
    }

    /// A row with a message that is signed as it should be.
    async fn sent<M: Message + Default + 'static>(
        &mut self,
        what: &str,
        (path, message): (&'static str, M),
        expected: (Code, &str, bool, &str),
    ) {
        let got = call::<M, Raw>(&self.client, path, message).await.map(|_| Vec::new());
        self.row(what, got, expected);
    }

    /// A row with a request made by hand.
    async fn by_hand(
        &mut self,
        what: &str,
        change: impl FnOnce(&mut Request<CreateUserRequest>),
        expected: (Code, &str, bool, &str),
    ) {
        let mut request = self.client.sign(CREATE_USER, user("byhand")).unwrap();
        change(&mut request);
        let got = send::<_, Raw>(&self.client, CREATE_USER, request).await.map(|_| Vec::new());
        self.row(what, got, expected);
    }
}

/// An answer of which nothing is read.
type Raw = tidegate_proto::iam::v1::CreateUserResponse;

fn policy(document: &str) -> (&'static str, PutUserPolicyRequest) {
    let message = PutUserPolicyRequest {
        user_name: "ada".to_owned(),
        policy_name: "p".to_owned(),
        policy_document: document.to_owned(),
        request_id: format!("{:032x}", rand::random::<u128>()),
        validate_only: false,
    };
    (PUT_USER_POLICY, message)
}

fn named(name: &str) -> (&'static str, CreateUserRequest) {
    let request_id = format!("{:032x}", rand::random::<u128>());
    (CREATE_USER, CreateUserRequest { request_id, ..user(name) })
}

fn question(principal: &str, action: &str, mode: Option<Mode>) -> (&'static str, AuthorizeRequest) {
    let question = Question {
        principal: principal.to_owned(),
        action: action.to_owned(),
        resource: "*".to_owned(),
        ..Question::default()
    };
    let consistency = mode.map(|mode| Consistency { mode: Some(mode) });
    (AUTHORIZE, AuthorizeRequest { question: Some(question), consistency })
}

fn page(token: &str) -> (&'static str, ListUsersRequest) {
    (LIST_USERS, ListUsersRequest { page_token: token.to_owned(), ..ListUsersRequest::default() })
}

const MALFORMED: &str = "MALFORMED_POLICY_DOCUMENT";
const INVALID: &str = "VALIDATION_ERROR";

async fn policies(table: &mut Table) {
    let bad = |says| (Code::InvalidArgument, MALFORMED, false, says);
    for (what, document, says) in [
        ("no JSON", "{\n  \"Version\": }", "line 2, column 14"),
        ("no statement", r#"{"Version":"2012-10-17"}"#, "Statement"),
        (
            "a wrong effect",
            r#"{"Version":"2012-10-17","Statement":{"Effect":"Maybe","Action":"*","Resource":"*"}}"#,
            "`Allow`",
        ),
        (
            "no action",
            r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Resource":"*"}}"#,
            "Action",
        ),
        (
            "a key twice",
            r#"{"Version":"2012-10-17","Version":"2012-10-17","Statement":[]}"#,
            "column 25",
        ),
        (
            "an operator that is none",
            r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"StringLooksLike":{"a:b":"c"}}}}"#,
            "StringLooksLike",
        ),
        (
            "a principal in an identity policy",
            r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}}"#,
            "Principal",
        ),
    ] {
        table.sent(&format!("a policy: {what}"), policy(document), bad(says)).await;
    }
}

async fn names(table: &mut Table) {
    let bad = |says| (Code::InvalidArgument, INVALID, false, says);
    table.sent("a name with a space", named("a b"), bad("userName")).await;
    table.sent("no name", named(""), bad("userName")).await;
    table.sent("a long name", named(&"x".repeat(65)), bad("64")).await;
    let (path, message) = named("pathless");
    let wrong_path = CreateUserRequest { path: "no/slash".to_owned(), ..message };
    table.sent("a wrong path", (path, wrong_path), bad("path")).await;
    let attach = |arn: &str| AttachUserPolicyRequest {
        user_name: "ada".to_owned(),
        policy_arn: arn.to_owned(),
        request_id: format!("{:032x}", rand::random::<u128>()),
        validate_only: false,
    };
    table.sent("a wrong ARN", (ATTACH, attach("arn:aws:iam")), bad("arn:aws:iam")).await;
    let none = (Code::NotFound, "NO_SUCH_ENTITY", false, "NoSuchPolicy");
    let arn = "arn:aws:iam::aws:policy/NoSuchPolicy";
    table.sent("an ARN of nothing", (ATTACH, attach(arn)), none).await;
    let taken = (Code::AlreadyExists, "ENTITY_ALREADY_EXISTS", false, "User with name ada");
    table.sent("a name that is taken", named("ADA"), taken).await;
    let other = CreateUserRequest { user_name: "other".to_owned(), ..user("ada") };
    let mismatch = (Code::InvalidArgument, "IDEMPOTENCY_MISMATCH", false, "ada");
    table.sent("a request id of another request", (CREATE_USER, other), mismatch).await;
    let get = GetUserRequest { user_name: "nobody".to_owned(), consistency: None };
    let none = (Code::NotFound, "NO_SUCH_ENTITY", false, "nobody");
    table.sent("a user who is not there", (GET_USER, get), none).await;
}

async fn conflicts(table: &mut Table) {
    let delete = |name: &str, etag: &str| DeleteUserRequest {
        user_name: name.to_owned(),
        etag: etag.to_owned(),
        request_id: format!("{:032x}", rand::random::<u128>()),
        validate_only: false,
    };
    let held = (Code::FailedPrecondition, "DELETE_CONFLICT", false, "polic");
    table.sent("a user with a policy", (DELETE_USER, delete("ada", "")), held).await;
    let stale = (Code::Aborted, "CONCURRENT_MODIFICATION", false, "its etag");
    table.sent("an old etag", (DELETE_USER, delete("bob", "stale")), stale).await;
    let rename = UpdateUserRequest {
        user_name: "bob".to_owned(),
        new_user_name: "ada".to_owned(),
        request_id: "rename".to_owned(),
        ..UpdateUserRequest::default()
    };
    let taken = (Code::AlreadyExists, "ENTITY_ALREADY_EXISTS", false, "ada");
    table.sent("a new name that is taken", (UPDATE_USER, rename), taken).await;
    let long = CreatePolicyRequest {
        policy_name: "long".to_owned(),
        policy_document: format!(
            r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Allow","Action":"*","Resource":"arn:aws:s3:::{}"}}}}"#,
            "x".repeat(6_200)
        ),
        request_id: "long".to_owned(),
        ..CreatePolicyRequest::default()
    };
    let quota = (Code::ResourceExhausted, "LIMIT_EXCEEDED", false, "6144");
    table.sent("a policy past its quota", (CREATE_POLICY, long), quota).await;
}

async fn questions(table: &mut Table) {
    let bad = |says| (Code::InvalidArgument, INVALID, false, says);
    table
        .sent("an action without a service", question("", "GetObject", None), bad("GetObject"))
        .await;
    table.sent("a principal that is none", question("ada", "s3:GetObject", None), bad("ada")).await;
    let foreign = (Code::PermissionDenied, "ACCESS_DENIED", false, "another account");
    let arn = "arn:aws:iam::999999999999:user/ada";
    table.sent("another account's user", question(arn, "s3:GetObject", None), foreign).await;
    let unknown = (Code::NotFound, "ACCOUNT_NOT_FOUND", true, "999999999999");
    let account_id = "999999999999".to_owned();
    let get = GetAccountRequest { account_id, consistency: None };
    table.sent("an unknown account", (GET_ACCOUNT, get), unknown).await;
    let token = |t: &str| Some(Mode::AtLeastAsFresh(AtLeastAsFresh { tokens: vec![t.to_owned()] }));
    let forged = (Code::InvalidArgument, "INVALID_TOKEN", false, "token");
    table.sent("a forged token", question("", "s3:GetObject", token("AAAA")), forged).await;
    let empty = AuthorizeRequest::default();
    table.sent("no question", (AUTHORIZE, empty), bad("question")).await;
}

async fn pages(table: &mut Table) {
    let bad = |says| (Code::InvalidArgument, INVALID, false, says);
    table.sent("a page token of nobody's", page("???"), bad("page")).await;
    let first: ListPoliciesResponse = call(
        &table.client,
        LIST_POLICIES,
        ListPoliciesRequest { scope: "AWS".to_owned(), page_size: 1, ..Default::default() },
    )
    .await
    .unwrap();
    assert!(!first.next_page_token.is_empty(), "AWS's policies are more than one");
    let others = page(&first.next_page_token);
    table.sent("a page token of another list", others, bad("page")).await;
    let first: ListUsersResponse = call(
        &table.client,
        LIST_USERS,
        ListUsersRequest { page_size: 1, ..ListUsersRequest::default() },
    )
    .await
    .unwrap();
    let mut token = first.next_page_token;
    let last = token.pop().unwrap();
    token.push(if last == 'A' { 'B' } else { 'A' });
    table.sent("a page token that was changed", page(&token), bad("page")).await;
    let many = ListUsersRequest { page_size: 1_001, ..ListUsersRequest::default() };
    table.sent("too large a page", (LIST_USERS, many), bad("1000")).await;
}

async fn signatures(table: &mut Table) {
    let refused = |name, says| (Code::Unauthenticated, name, false, says);
    let unsigned = refused("MISSING_AUTHENTICATION_TOKEN", "authorization");
    let remove =
        |r: &mut Request<CreateUserRequest>| drop(r.metadata_mut().remove("authorization"));
    table.by_hand("no signature", remove, unsigned).await;
    let garbage = refused("INCOMPLETE_SIGNATURE", "");
    let insert = |name: &'static str, value: &'static str| {
        move |r: &mut Request<CreateUserRequest>| {
            drop(r.metadata_mut().insert(name, value.parse().unwrap()));
        }
    };
    table
        .by_hand("a garbled header", insert("authorization", "AWS4-HMAC-SHA256 no"), garbage)
        .await;
    let skewed = refused("REQUEST_TIME_TOO_SKEWED", "clock");
    // Twelve hours off, on the same day as the credential's scope.
    let shift = |r: &mut Request<CreateUserRequest>| {
        let date = r.metadata().get("x-amz-date").unwrap().to_str().unwrap().to_owned();
        let hour: u32 = date[9..11].parse().unwrap();
        let shifted = format!("{}{:02}{}", &date[..9], (hour + 12) % 24, &date[11..]);
        drop(r.metadata_mut().insert("x-amz-date", shifted.parse().unwrap()));
    };
    table.by_hand("a clock that is off", shift, skewed).await;
    let changed = refused("SIGNATURE_DOES_NOT_MATCH", "");
    let rename =
        |r: &mut Request<CreateUserRequest>| "mallory".clone_into(&mut r.get_mut().user_name);
    table.by_hand("a message that was changed", rename, changed).await;
    let honest = table.client.clone();
    let with = |id: &str, secret: &str| {
        honest.with_credentials(Credentials {
            access_key_id: id.to_owned(),
            secret_access_key: secret.to_owned(),
            session_token: None,
        })
    };
    let unknown = (Code::Unauthenticated, "INVALID_CLIENT_TOKEN_ID", true, "AKIAAAAAAAAAAAAAAAAA");
    table.client = with("AKIAAAAAAAAAAAAAAAAA", "secret");
    table.sent("an unknown key", named("byhand"), unknown).await;
    table.client = honest;
}

/// What must not change: users, and every group's state but for the positions that refusals take in its log.
async fn state(cluster: &Cluster) -> Vec<Vec<u8>> {
    cluster.agree(&NODES).await;
    let seen = status(&cluster.profile, 1).await.unwrap();
    seen.groups.into_iter().map(|g| g.digest.to_vec()).collect()
}

/// The same, once the cluster has written down what its nodes say of themselves: their keys and versions.
async fn state_at_rest(cluster: &Cluster) -> Vec<Vec<u8>> {
    let mut last = state(cluster).await;
    loop {
        tokio::time::sleep(Duration::from_secs(3)).await;
        let now = state(cluster).await;
        if now == last {
            return now;
        }
        last = now;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bad_input_is_refused_by_name_and_changes_nothing() {
    let cluster = Cluster::running().await;
    let client = cluster.client(1).await;
    for name in ["ada", "bob"] {
        create(&client, name).await.unwrap();
    }
    let allow =
        r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}"#;
    put_policy(&client, "ada", allow).await.unwrap();
    let at_rest = state_at_rest(&cluster).await;
    let before = (users(&client, Some(Mode::Strong(true))).await.unwrap(), at_rest);

    let mut table = Table { client: client.clone(), wrong: Vec::new() };
    policies(&mut table).await;
    names(&mut table).await;
    conflicts(&mut table).await;
    questions(&mut table).await;
    pages(&mut table).await;
    signatures(&mut table).await;
    let large = (Code::ResourceExhausted, "TOO_LARGE", false, "bytes");
    table.sent("a message that is too large", policy(&"x".repeat(8 << 20)), large).await;

    assert!(table.wrong.is_empty(), "{} rows:\n{}", table.wrong.len(), table.wrong.join("\n"));
    let after = (users(&client, Some(Mode::Strong(true))).await.unwrap(), state(&cluster).await);
    assert_eq!(before, after, "a refusal changed something");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_quorum_writes_are_refused_by_name_and_reads_go_on() {
    let mut cluster = Cluster::running().await;
    let client = cluster.client(1).await;
    create(&client, "ada").await.unwrap();
    cluster.agree(&NODES).await;
    cluster.kill_nine(2);
    cluster.kill_nine(3);
    for node in [1, 4] {
        let client = cluster.client(node).await;
        let mut request = client.sign(CREATE_USER, user("lost")).unwrap();
        request.set_timeout(SHORT);
        let refused = send::<_, Raw>(&client, CREATE_USER, request).await.unwrap_err();
        let (name, again) = reason(&refused);
        assert!(again, "n{node}: {name} {}", refused.message());
        assert!(["NO_QUORUM", "UNKNOWN_OUTCOME"].contains(&&*name), "n{node}: {name}");
        assert!(refused.message().contains("group"), "{}", refused.message());
        assert!(users(&client, None).await.unwrap().contains("ada"), "reads go on at n{node}");
        let consistency = Some(Consistency { mode: Some(Mode::Strong(true)) });
        let message = ListUsersRequest { consistency, ..ListUsersRequest::default() };
        let mut request = client.sign(LIST_USERS, message).unwrap();
        request.set_timeout(SHORT);
        let strong = send::<_, ListUsersResponse>(&client, LIST_USERS, request).await.unwrap_err();
        assert_eq!(reason(&strong), ("NO_QUORUM".to_owned(), true), "n{node}");
    }
    cluster.start(2);
    cluster.serves(2).await;
    let home = cluster.client(2).await;
    // Under the same request id: whether or not the first try took effect, there is one.
    crate::harness::eventually("the write is taken", async || create(&home, "lost").await.is_ok())
        .await;
    cluster.start(3);
    cluster.serves(3).await;
    cluster.agree(&NODES).await;
    assert_eq!(users(&home, Some(Mode::Strong(true))).await.unwrap().len(), 2);
}
