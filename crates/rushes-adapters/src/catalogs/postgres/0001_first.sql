-- One table for each collection. Each holds the whole record, its number and when it was written, and beside them columns
-- for those who ask by SQL. A table that is there already gets the columns it lacks and keeps everything else.
DO $$
DECLARE
    called text;
    is_supabase boolean := to_regprocedure('auth.uid()') IS NOT NULL AND to_regrole('authenticated') IS NOT NULL;
    -- An app's own table of that name has other columns and is written by others; its records lie in `rushes_records`.
    is_apps boolean := EXISTS (SELECT FROM pg_attribute WHERE attrelid = to_regclass('workspace_assets') AND attname = 'temp_storage_path')
        AND NOT EXISTS (SELECT FROM pg_attribute WHERE attrelid = to_regclass('workspace_assets') AND attname = 'record');
BEGIN
    FOREACH called IN ARRAY ARRAY['characters', 'people', 'users', 'shoots', 'photos', 'assets', 'workspace_assets', 'pipeline_jobs'] LOOP
        IF to_regclass(called) IS NOT NULL THEN
            CONTINUE;
        END IF;
        EXECUTE format('CREATE TABLE %I (id text COLLATE "C" PRIMARY KEY)', called);
        -- Where every table is open to browsers by default, ours are not. Who has a policy of their own on a table that was
        -- there before keeps it.
        IF is_supabase THEN
            EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', called);
            IF to_regrole('anon') IS NOT NULL THEN
                EXECUTE format('REVOKE ALL ON %I FROM anon', called);
            END IF;
            IF to_regrole('service_role') IS NOT NULL THEN
                EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO service_role', called);
            END IF;
            EXECUTE format('REVOKE ALL ON %I FROM authenticated', called);
            IF called IN ('workspace_assets', 'users') THEN
                EXECUTE format('GRANT SELECT ON %I TO authenticated', called);
            END IF;
        END IF;
    END LOOP;

    FOREACH called IN ARRAY ARRAY['characters', 'people', 'users', 'shoots', 'photos', 'assets', 'workspace_assets', 'pipeline_jobs'] LOOP
        CONTINUE WHEN is_apps AND called = 'workspace_assets';
        EXECUTE format(
            'ALTER TABLE %I ADD COLUMN IF NOT EXISTS rev bigint NOT NULL DEFAULT 0,
                ADD COLUMN IF NOT EXISTS record jsonb NOT NULL DEFAULT ''{}'',
                ADD COLUMN IF NOT EXISTS written_at timestamptz NOT NULL DEFAULT now()', called);
    END LOOP;

    FOREACH called IN ARRAY ARRAY['characters', 'people', 'users', 'shoots'] LOOP
        EXECUTE format('ALTER TABLE %I ADD COLUMN IF NOT EXISTS name text, ADD COLUMN IF NOT EXISTS slug text', called);
    END LOOP;

    FOREACH called IN ARRAY ARRAY['people', 'photos', 'assets', 'workspace_assets'] LOOP
        CONTINUE WHEN is_apps AND called = 'workspace_assets';
        EXECUTE format(
            'ALTER TABLE %I ADD COLUMN IF NOT EXISTS kind text, ADD COLUMN IF NOT EXISTS path text, ADD COLUMN IF NOT EXISTS uri text,
                ADD COLUMN IF NOT EXISTS url text, ADD COLUMN IF NOT EXISTS sha256 text, ADD COLUMN IF NOT EXISTS size_bytes bigint,
                ADD COLUMN IF NOT EXISTS mime text, ADD COLUMN IF NOT EXISTS width integer, ADD COLUMN IF NOT EXISTS height integer,
                ADD COLUMN IF NOT EXISTS duration_ms bigint, ADD COLUMN IF NOT EXISTS seed numeric(20),
                ADD COLUMN IF NOT EXISTS created_at timestamptz', called);
    END LOOP;

    IF NOT is_apps THEN
        ALTER TABLE workspace_assets
            ADD COLUMN IF NOT EXISTS user_id text, ADD COLUMN IF NOT EXISTS job_id text, ADD COLUMN IF NOT EXISTS idx integer,
            ADD COLUMN IF NOT EXISTS bucket text, ADD COLUMN IF NOT EXISTS key text, ADD COLUMN IF NOT EXISTS prompt text,
            ADD COLUMN IF NOT EXISTS meta jsonb;
        CREATE INDEX IF NOT EXISTS workspace_assets_of_user ON workspace_assets (user_id, created_at DESC);
    END IF;

    ALTER TABLE pipeline_jobs
        ADD COLUMN IF NOT EXISTS status text, ADD COLUMN IF NOT EXISTS current_stage text, ADD COLUMN IF NOT EXISTS completed integer,
        ADD COLUMN IF NOT EXISTS total_characters integer, ADD COLUMN IF NOT EXISTS created_at timestamptz,
        ADD COLUMN IF NOT EXISTS updated_at timestamptz;

    -- A user reads what is theirs; only the service role, which no policy binds, writes.
    IF is_supabase THEN
        IF NOT is_apps AND NOT EXISTS (SELECT FROM pg_policy WHERE polrelid = 'workspace_assets'::regclass AND polname = 'own_rows') THEN
            CREATE POLICY own_rows ON workspace_assets FOR SELECT TO authenticated USING (user_id = (SELECT auth.uid())::text);
        END IF;
        IF NOT EXISTS (SELECT FROM pg_policy WHERE polrelid = 'users'::regclass AND polname = 'own_rows') THEN
            CREATE POLICY own_rows ON users FOR SELECT TO authenticated USING (id = (SELECT auth.uid())::text);
        END IF;
    END IF;
END
$$;

-- Records of collections that have no table of their own.
CREATE TABLE IF NOT EXISTS rushes_records (
    collection text COLLATE "C" NOT NULL,
    id text COLLATE "C" NOT NULL,
    rev bigint NOT NULL DEFAULT 0,
    record jsonb NOT NULL DEFAULT '{}',
    written_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (collection, id)
);

DO $$
BEGIN
    IF to_regprocedure('auth.uid()') IS NOT NULL THEN
        ALTER TABLE rushes_records ENABLE ROW LEVEL SECURITY;
        ALTER TABLE rushes_schema ENABLE ROW LEVEL SECURITY;
        IF to_regrole('service_role') IS NOT NULL THEN
            GRANT SELECT, INSERT, UPDATE, DELETE ON rushes_records, rushes_schema TO service_role;
        END IF;
    END IF;
END
$$;
