studies! {}
