//! Who may do what in a bucket of Supabase: a user everything below the folder named by their id, others nothing.

use super::PostgresSettings;
use super::connect::Connections;
use rushes_core::{Code, Fault};
use tokio_postgres::types::Type;

/// One policy for each bucket; another's of another name stands beside it.
const POLICY: &str = "SELECT format('CREATE POLICY %I ON storage.objects FOR ALL TO authenticated
        USING (bucket_id = %L AND (storage.foldername(name))[1] = (SELECT auth.uid())::text)
        WITH CHECK (bucket_id = %L AND (storage.foldername(name))[1] = (SELECT auth.uid())::text)', $1, $2, $2)
    WHERE NOT EXISTS (SELECT FROM pg_policy WHERE polrelid = 'storage.objects'::regclass AND polname = $1)";

/// Makes the policy of a bucket where there is none; gives whether it was made now. Errors: `destination_refused`,
/// `catalog_down`.
pub(crate) async fn own_folders(settings: &PostgresSettings, bucket: &str) -> Result<bool, Fault> {
    let connections = Connections::new(settings)?;
    let operation = "make policy";
    let failed = |error: tokio_postgres::Error| connections.about.fault(operation, "storage.objects", &error);
    let (client, _) = connections.take(operation).await?;
    let work = async {
        // A name has 63 bytes at most; beyond that two buckets would share one policy.
        let name: String = format!("rushes_own_folder {bucket}").chars().take(60).collect();
        let rows = client.query_typed(POLICY, &[(&name, Type::TEXT), (&bucket, Type::TEXT)]).await.map_err(failed)?;
        let Some(row) = rows.first() else { return Ok(false) };
        client.batch_execute(row.get(0)).await.map_err(failed)?;
        Ok(true)
    };
    let late = || Fault::new(Code::CatalogDown, operation).with("host", &connections.about.host).because("no answer in time");
    tokio::time::timeout(settings.patience, work).await.unwrap_or_else(|_| Err(late()))
}
