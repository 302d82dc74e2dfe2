CREATE OR REPLACE FUNCTION max(bigint, bigint) RETURNS bigint LANGUAGE sql IMMUTABLE STRICT AS 'SELECT greatest($1, $2)';
CREATE OR REPLACE FUNCTION min(bigint, bigint) RETURNS bigint LANGUAGE sql IMMUTABLE STRICT AS 'SELECT least($1, $2)';
CREATE OR REPLACE FUNCTION max(text, text) RETURNS text LANGUAGE sql IMMUTABLE STRICT AS 'SELECT greatest($1, $2)';
CREATE OR REPLACE FUNCTION iif(boolean, text, text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT CASE WHEN $1 THEN $2 ELSE $3 END';
CREATE OR REPLACE FUNCTION iif(boolean, bigint, bigint) RETURNS bigint LANGUAGE sql IMMUTABLE AS 'SELECT CASE WHEN $1 THEN $2 ELSE $3 END';
CREATE OR REPLACE FUNCTION instr(text, text) RETURNS bigint LANGUAGE sql IMMUTABLE STRICT AS 'SELECT strpos($1, $2)::bigint';
CREATE OR REPLACE FUNCTION json_extract(text, text) RETURNS text LANGUAGE sql IMMUTABLE STRICT
    AS $$SELECT jsonb_path_query_first($1::jsonb, $2::jsonpath) #>> '{}'$$;
CREATE OR REPLACE FUNCTION json_each(text, text) RETURNS TABLE(key text, value text) LANGUAGE sql IMMUTABLE STRICT ROWS 10 AS $$
    WITH found(value) AS (SELECT jsonb_path_query_first($1::jsonb, $2::jsonpath))
    SELECT (one.place - 1)::text, one.value #>> '{}' FROM found,
        jsonb_array_elements(CASE jsonb_typeof(found.value) WHEN 'array' THEN found.value ELSE '[]' END) WITH ORDINALITY AS one(value, place)
    UNION ALL SELECT one.key, one.value #>> '{}' FROM found,
        jsonb_each(CASE jsonb_typeof(found.value) WHEN 'object' THEN found.value ELSE '{}' END) AS one(key, value)$$;
CREATE OR REPLACE FUNCTION json_each(text) RETURNS TABLE(key text, value text) LANGUAGE sql IMMUTABLE STRICT ROWS 10
    AS $$SELECT * FROM json_each($1, '$')$$;
