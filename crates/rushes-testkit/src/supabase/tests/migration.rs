//! The migration that users apply: twice, over what is there, and beside policies of others; and what the policy alone would
//! let through.

use super::super::database::WORKSPACE;
use super::*;

/// Policies, grants, columns, indexes, constraints and triggers of what the migration makes.
const STATE: &str = "SELECT string_agg(line, E'\\n' ORDER BY line COLLATE \"C\") FROM (
    SELECT format('policy %s %s %s %s %s %s %s', tablename, policyname, permissive, roles, cmd, qual, with_check) AS line
        FROM pg_policies WHERE schemaname IN ('public', 'storage')
    UNION ALL SELECT format('grant %s %s', relname, relacl) FROM pg_class WHERE relname = 'workspace_assets'
    UNION ALL SELECT format('rows %s %s %s', relname, relrowsecurity, relforcerowsecurity) FROM pg_class WHERE relname = 'workspace_assets'
    UNION ALL SELECT format('column %s %s %s', column_name, data_type, column_default) FROM information_schema.columns
        WHERE table_name = 'workspace_assets'
    UNION ALL SELECT indexdef FROM pg_indexes WHERE schemaname = 'public'
    UNION ALL SELECT format('check %s %s', conname, pg_get_constraintdef(oid)) FROM pg_constraint
        WHERE conrelid = 'public.workspace_assets'::regclass
    UNION ALL SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE tgrelid = 'public.workspace_assets'::regclass
    UNION ALL SELECT format('function %s %s', proname, proacl) FROM pg_proc WHERE proname = 'workspace_assets_expire'
    UNION ALL SELECT format('bucket %s %s', id, public) FROM storage.buckets) AS state";

async fn state(server: &Supabase) -> String {
    connect(server).await.query_one(STATE, &[]).await.expect("it is there").get(0)
}

#[tokio::test]
async fn supabase_migration_may_be_applied_again() {
    let Some((server, _)) = start().await else { return };
    let before = state(&server).await;
    for wanted in [
        "bucket workspace-temp f",
        "rows workspace_assets t t",
        "UNIQUE (job_id, asset_index)",
        "(user_id, created_at DESC)",
        "(expires_at)",
    ] {
        assert!(before.contains(wanted), "{wanted} in {before}");
    }
    assert!(!before.contains("anon="), "nothing is granted to anon: {before}");
    server.sql(WORKSPACE).await;
    assert_eq!(state(&server).await, before);
    server
        .sql("UPDATE storage.buckets SET public = true; GRANT ALL ON workspace_assets TO anon, authenticated, service_role, public")
        .await;
    server
        .sql(
            "ALTER TABLE workspace_assets DISABLE ROW LEVEL SECURITY; DROP POLICY rushes_nobody_else ON workspace_assets;
            ALTER POLICY \"rushes_own_folder workspace-temp\" ON storage.objects USING (true);
            DROP POLICY \"rushes_nobody_else workspace-temp\" ON storage.objects",
        )
        .await;
    assert_ne!(state(&server).await, before);
    server.sql(WORKSPACE).await;
    assert_eq!(state(&server).await, before, "what somebody opened is closed again");
}

#[tokio::test]
async fn supabase_migration_guards_a_table_that_is_there() {
    let Some((server, _)) = start().await else { return };
    for kind in ["uuid", "text"] {
        server
            .sql(&format!(
                "DROP TABLE workspace_assets;
                CREATE TABLE workspace_assets (user_id {kind}, job_id uuid, asset_index int, asset_type text, temp_storage_path text,
                    thumbnail_path text, file_size_bytes int, mime_type text, duration_seconds int, generation_seed bigint, original_prompt text,
                    model_used text, generation_settings jsonb, created_at timestamptz, expires_at timestamptz, stars int);
                INSERT INTO workspace_assets (user_id, job_id, stars) VALUES ('{MIA}', gen_random_uuid(), 3), ('{BEN}', gen_random_uuid(), 5)"
            ))
            .await;
        server.sql(WORKSPACE).await;
        server.sql(WORKSPACE).await;
        let seen = rows::ask_table(&server, &server.user_key(MIA, 60), "GET", "workspace_assets?select=stars", "", &Value::Null).await;
        assert_eq!(seen.json(), json!([{"stars": 3}]), "{kind}");
        let nobody = rows::ask_table(&server, &server.anon_key, "GET", "workspace_assets?select=stars", "", &Value::Null).await;
        assert_eq!(nobody.status, 401, "{kind}");
    }
    server.sql("UPDATE storage.buckets SET public = true; DROP TABLE workspace_assets; CREATE TABLE workspace_assets (id text, asset_index int)").await;
    let before = connect(&server).await.query_one("SELECT string_agg(policyname, ',') FROM pg_policies", &[]).await.expect("a list");
    let error = connect(&server).await.batch_execute(WORKSPACE).await.expect_err("another table");
    let told = error.as_db_error().expect("Postgres says so").message();
    assert!(told.starts_with("public.workspace_assets was there before and has no column user_id, job_id, asset_type,"), "{told}");
    let after = connect(&server).await.query_one("SELECT string_agg(policyname, ',') FROM pg_policies", &[]).await.expect("a list");
    assert_eq!(before.get::<_, Option<&str>>(0), after.get::<_, Option<&str>>(0), "nothing was changed");
}

/// Takes away what the migration adds to the policy that says "everything below one's own folder".
async fn only_the_folder_policy(server: &Supabase) {
    server.sql("DROP POLICY \"rushes_nobody_else workspace-temp\" ON storage.objects").await;
}

#[tokio::test]
async fn supabase_folders_stay_closed_beside_an_open_policy() {
    let Some((server, service)) = start().await else { return };
    server.make_bucket("library", false).await;
    for place in [format!("workspace-temp/{MIA}/0.png"), "library/shared.png".to_owned()] {
        service.put(&place, b"Mia's").await;
    }
    // As apps have them for a library of their own, without a word about which bucket.
    server
        .sql(
            "CREATE POLICY readers ON storage.objects FOR SELECT TO public USING (true);
        CREATE POLICY writers ON storage.objects FOR INSERT TO authenticated WITH CHECK (owner_id = (SELECT auth.uid())::text)",
        )
        .await;
    let (ben, anon) = (Asker::new(server.address, &server.user_key(BEN, 60)), Asker::new(server.address, &server.anon_key));
    let read = async |asker: &Asker, place: &str| asker.ask("GET", &format!("/object/{place}"), &[], b"").await.status;
    let mine = format!("workspace-temp/{MIA}/0.png");
    for asker in [&ben, &anon] {
        assert_eq!((read(asker, &mine).await, read(asker, "library/shared.png").await), (400, 200));
    }
    let planted = format!("workspace-temp/{MIA}/1.png");
    assert_eq!(ben.put(&planted, b"Ben's").await.refusal(), told(400, "403", "Unauthorized"));
    assert_eq!(ben.put("library/1.png", b"Ben's").await.status, 200);
    only_the_folder_policy(&server).await;
    assert_eq!((read(&ben, &mine).await, read(&anon, &mine).await), (200, 200), "the folder policy alone only ever adds");
    assert_eq!(ben.put(&planted, b"Ben's").await.status, 200);
}

#[tokio::test]
async fn supabase_names_with_dots_are_refused_by_what_the_migration_adds() {
    let Some((server, _)) = start().await else { return };
    let mia = Asker::new(server.address, &server.user_key(MIA, 60));
    let key = format!("{MIA}/../{BEN}/0.png");
    assert_eq!(mia.begin(&key, 0, &[]).await.status, 403);
    only_the_folder_policy(&server).await;
    assert_eq!(mia.begin(&key, 0, &[]).await.status, 201, "the folder policy alone takes it for Mia's");
    assert!(server.object("workspace-temp", &key).await.is_some());
}
