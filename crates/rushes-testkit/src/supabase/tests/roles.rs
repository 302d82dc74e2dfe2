//! What each role may do, asked of Postgres itself: no server stands between a statement and the policies.

use super::*;
use tokio_postgres::Client;

/// Another user's id with one more sign.
const NEARLY_MIA: &str = "6f1e1d4c-0000-4000-8000-0000000000012";

/// As whom a statement runs: a role and the claims of a token.
type Who<'a> = (&'a str, Value);

fn user(id: &str) -> Who<'static> {
    ("authenticated", json!({"role": "authenticated", "sub": id}))
}

/// How many rows a statement gave or changed, or the code it was refused with. It is undone in either case.
async fn tried(client: &Client, (role, claims): &Who<'_>, sql: &str) -> Result<u64, String> {
    let begin = format!(
        "BEGIN; SET LOCAL ROLE {role}; SET LOCAL storage.allow_delete_query = 'true';
        SELECT set_config('request.jwt.claims', $claims${claims}$claims$, true)"
    );
    client.batch_execute(&begin).await.expect("the role is there");
    let done = client.execute(sql, &[]).await;
    client.batch_execute("ROLLBACK").await.expect("an end");
    done.map_err(|error| error.code().map_or_else(|| error.to_string(), |code| code.code().to_owned()))
}

fn refused(code: &str) -> Result<u64, String> {
    Err(code.to_owned())
}

/// A row and an object of Mia's and of Ben's.
async fn both(server: &Supabase) -> Client {
    for user in [MIA, BEN] {
        server
            .sql(&format!(
                "INSERT INTO workspace_assets (user_id, job_id, asset_index, asset_type, temp_storage_path, file_size_bytes, mime_type)
                VALUES ('{user}', 'job of {user}', 0, 'image', '{user}/job/0.png', 3, 'image/png');
                INSERT INTO storage.objects (bucket_id, name) VALUES ('workspace-temp', '{user}/job/0.png')"
            ))
            .await;
    }
    server.make_bucket("library", false).await;
    connect(server).await
}

fn row_of(user: &str) -> String {
    format!(
        "INSERT INTO workspace_assets (user_id, job_id, asset_index, asset_type, temp_storage_path, file_size_bytes, mime_type)
        VALUES ('{user}', 'another', 0, 'image', '{user}/another/0.png', 3, 'image/png')"
    )
}

#[tokio::test]
async fn supabase_roles_reach_the_rows_that_are_theirs() {
    let Some((server, _)) = start().await else { return };
    let client = both(&server).await;
    let (mia, nameless) = (user(MIA), ("authenticated", json!({"role": "authenticated"})));
    let (anon, service) = (("anon", json!({"role": "anon", "sub": MIA})), ("service_role", json!({"role": "service_role"})));
    let of_ben = format!("WHERE user_id = '{BEN}'");
    let theirs = [
        ("SELECT id FROM workspace_assets".to_owned(), Ok(1)),
        (format!("SELECT id FROM workspace_assets {of_ben} OR true"), Ok(1)),
        (format!("SELECT id FROM workspace_assets {of_ben}"), Ok(0)),
        ("DELETE FROM workspace_assets".to_owned(), Ok(1)),
        (format!("DELETE FROM workspace_assets {of_ben}"), Ok(0)),
        (format!("SELECT id FROM workspace_assets {of_ben} FOR UPDATE"), refused("42501")),
        (format!("UPDATE workspace_assets SET user_id = '{MIA}' {of_ben}"), refused("42501")),
        (format!("UPDATE workspace_assets SET user_id = '{BEN}'"), refused("42501")),
        ("UPDATE workspace_assets SET expires_at = 'infinity'".to_owned(), refused("42501")),
        (row_of(MIA), refused("42501")),
        (row_of(BEN), refused("42501")),
        ("TRUNCATE workspace_assets".to_owned(), refused("42501")),
        ("ALTER TABLE workspace_assets DISABLE ROW LEVEL SECURITY".to_owned(), refused("42501")),
        ("DROP POLICY rushes_nobody_else ON workspace_assets".to_owned(), refused("42501")),
        ("SELECT workspace_assets_expire()".to_owned(), refused("42501")),
    ];
    for (sql, expected) in theirs {
        assert_eq!(tried(&client, &mia, &sql).await, expected, "{sql}");
        let nobody = tried(&client, &anon, &sql).await;
        assert_eq!(nobody, refused("42501"), "a token's claims do not make anon a user: {sql}");
        let without_a_name = tried(&client, &nameless, &sql).await;
        assert!(matches!(without_a_name, Ok(0) | Err(_)), "{sql}: {without_a_name:?}");
    }
    for (sql, expected) in
        [("SELECT id FROM workspace_assets".to_owned(), 2), (format!("DELETE FROM workspace_assets {of_ben}"), 1), (row_of(BEN), 1)]
    {
        assert_eq!(tried(&client, &service, &sql).await, Ok(expected), "{sql}");
    }
    for odd in ["", "abc", "abcd", NEARLY_MIA, "6F1E1D4C-0000-4000-8000-00000000000Z"] {
        let seen = tried(&client, &user(odd), "SELECT id FROM workspace_assets").await;
        assert!(matches!(seen, Ok(0) | Err(_)), "{odd}: {seen:?}");
    }
}

#[tokio::test]
async fn supabase_rows_are_kept_apart_though_everything_is_granted() {
    let Some((server, _)) = start().await else { return };
    let client = both(&server).await;
    let (mia, anon) = (user(MIA), ("anon", json!({"role": "anon"})));
    // As the dashboard does when a table is opened to the interface there.
    server.sql("GRANT SELECT, INSERT, UPDATE, DELETE ON workspace_assets TO anon, authenticated").await;
    let take = format!("UPDATE workspace_assets SET user_id = '{MIA}', temp_storage_path = '{MIA}/a' WHERE user_id = '{BEN}'");
    let give = format!("UPDATE workspace_assets SET user_id = '{BEN}', temp_storage_path = '{BEN}/a'");
    let longer = "UPDATE workspace_assets SET expires_at = 'infinity'";
    for (sql, expected) in [
        ("SELECT id FROM workspace_assets", Ok(1)),
        ("DELETE FROM workspace_assets", Ok(1)),
        (&*take, Ok(0)),
        (&*give, Ok(0)),
        (longer, Ok(0)),
        (&*row_of(MIA), refused("42501")),
        (&*row_of(BEN), refused("42501")),
    ] {
        assert_eq!(tried(&client, &mia, sql).await, expected, "{sql}");
        let nobody = tried(&client, &anon, sql).await;
        assert!(matches!(nobody, Ok(0) | Err(_)), "{sql}: {nobody:?}");
    }
    // And though a policy of the app's own lets everybody do everything.
    server.sql("CREATE POLICY open ON workspace_assets FOR ALL TO public USING (true) WITH CHECK (true)").await;
    for (sql, expected) in [
        ("SELECT id FROM workspace_assets", Ok(1)),
        ("DELETE FROM workspace_assets", Ok(1)),
        (&*take, Ok(0)),
        (&*give, refused("42501")),
        (&*row_of(BEN), refused("42501")),
    ] {
        assert_eq!(tried(&client, &mia, sql).await, expected, "{sql}");
        let nobody = tried(&client, &anon, sql).await;
        assert!(matches!(nobody, Ok(0) | Err(_)), "{sql}: {nobody:?}");
    }
}

#[tokio::test]
async fn supabase_roles_reach_the_objects_below_their_own_folder() {
    let Some((server, _)) = start().await else { return };
    let client = both(&server).await;
    let (mia, anon, service) = (user(MIA), ("anon", json!({"role": "anon", "sub": MIA})), ("service_role", json!({})));
    let insert = |bucket: &str, name: &str| format!("INSERT INTO storage.objects (bucket_id, name) VALUES ({bucket}, '{name}')");
    let own = format!("{MIA}/job/1.png");
    let mut statements = vec![
        ("SELECT id FROM storage.objects".to_owned(), Ok(1)),
        ("DELETE FROM storage.objects".to_owned(), Ok(1)),
        (format!("DELETE FROM storage.objects WHERE name LIKE '{BEN}/%'"), Ok(0)),
        (insert("'workspace-temp'", &own), Ok(1)),
        (insert("'library'", &own), refused("42501")),
        (insert("NULL", &own), refused("42501")),
        (format!("UPDATE storage.objects SET name = '{own}'"), Ok(1)),
        (format!("UPDATE storage.objects SET name = '{BEN}/taken.png'"), refused("42501")),
        ("UPDATE storage.objects SET bucket_id = 'library'".to_owned(), refused("42501")),
        (format!("UPDATE storage.objects SET name = '{own}' WHERE name LIKE '{BEN}/%'"), Ok(0)),
        ("SELECT id FROM storage.buckets".to_owned(), Ok(0)),
        ("UPDATE storage.buckets SET public = true".to_owned(), Ok(0)),
        ("DELETE FROM storage.buckets".to_owned(), Ok(0)),
    ];
    let names = [
        format!("{BEN}/x.png"),
        format!("{}/x.png", MIA.to_uppercase()),
        format!("{NEARLY_MIA}/x.png"),
        format!("{}/x.png", &MIA[..35]),
        MIA.to_owned(),
        format!("/{MIA}/x.png"),
        format!("./{MIA}/x.png"),
        format!("{MIA}/../{BEN}/x.png"),
        format!("{MIA}/.."),
        format!("{MIA}/./x.png"),
        format!(" {MIA}/x.png"),
        "x.png".to_owned(),
        String::new(),
    ];
    statements.extend(names.iter().map(|name| (insert("'workspace-temp'", name), refused("42501"))));
    for (sql, expected) in statements {
        assert_eq!(tried(&client, &mia, &sql).await, expected, "{sql}");
        let nobody = tried(&client, &anon, &sql).await;
        assert!(matches!(nobody, Ok(0) | Err(_)) || sql.contains("buckets"), "{sql}: {nobody:?}");
    }
    assert_eq!(tried(&client, &service, &insert("'workspace-temp'", &format!("{BEN}/1.png"))).await, Ok(1));
    assert_eq!(tried(&client, &service, "SELECT id FROM storage.objects").await, Ok(2));
}
