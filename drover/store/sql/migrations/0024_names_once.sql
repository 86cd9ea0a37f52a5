-- Names that no two resources of an application may share, and names that nobody else may have.
CREATE UNIQUE INDEX document_name_once ON document (application_id, kind, name)
    WHERE kind IN ('credential', 'experienceVersion', 'file', 'privateFile');
CREATE UNIQUE INDEX document_name_everywhere ON document (kind, name)
    WHERE kind IN ('experienceSlug', 'experienceDomain');
