# nginx -t: each error names the directive, the offending word and what is allowed.

use v5.32;
use warnings;
use experimental 'signatures';

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;

use RustPageCache;
my $long = '/' . 'x' x 120;

# what is wrong => [configuration of a server, words that the message holds]
my @table = (
    # The store.
    ['no parameters at all', 'rust_page_cache;', 'rust_page_cache'],
    ['no scheme', 'rust_page_cache 127.0.0.1:11211 key=raw;',
        qw(rust_page_cache 127.0.0.1:11211 memcached:// redis://)],
    ['an unknown scheme', 'rust_page_cache http://127.0.0.1 key=raw;',
        qw(rust_page_cache http://127.0.0.1 memcached:// redis://)],
    ['a scheme with one slash', 'rust_page_cache memcached:/127.0.0.1 key=raw;',
        qw(rust_page_cache memcached:/127.0.0.1 memcached:// redis://)],
    ['TLS', 'rust_page_cache rediss://:hidden@127.0.0.1:6380/1 key=raw;',
        qw(rust_page_cache rediss:// 127.0.0.1:6380 TLS redis:// !hidden)],
    ['no host', 'rust_page_cache memcached:// key=raw;', qw(rust_page_cache memcached:// host)],
    ['a port without a host', 'rust_page_cache memcached://:11211 key=raw;',
        qw(rust_page_cache memcached://:11211 host)],
    ['a password without a host', 'rust_page_cache redis://:hidden@ key=raw;',
        qw(rust_page_cache host !hidden)],
    ['a unix socket without a path', 'rust_page_cache memcached://unix: key=raw;',
        qw(rust_page_cache memcached://unix:)],
    ['port 0', 'rust_page_cache memcached://127.0.0.1:0 key=raw;', qw(rust_page_cache 0 port)],
    ['port 65536', 'rust_page_cache memcached://127.0.0.1:65536 key=raw;',
        qw(rust_page_cache 65536 port 65535)],
    ['a port of text', 'rust_page_cache redis://127.0.0.1:http key=raw;',
        qw(rust_page_cache http port 65535)],
    ['a bad port behind a password', 'rust_page_cache redis://user:hidden@127.0.0.1:x key=raw;',
        qw(rust_page_cache port !hidden)],
    ['a database of text', 'rust_page_cache redis://127.0.0.1/pages key=raw;',
        qw(rust_page_cache pages database)],
    ['a negative database', 'rust_page_cache redis://127.0.0.1/-1 key=raw;',
        qw(rust_page_cache -1 database)],
    ['a database for memcached', 'rust_page_cache memcached://127.0.0.1/1 key=raw;',
        qw(rust_page_cache memcached://127.0.0.1/1)],
    ['a password for memcached', 'rust_page_cache memcached://user:hidden@127.0.0.1 key=raw;',
        qw(rust_page_cache !hidden)],
    ['a password that is not percent-encoded', 'rust_page_cache redis://:hid%zzden@127.0.0.1 key=raw;',
        qw(rust_page_cache !hid%zzden)],
    ['a socket path that is too long', "rust_page_cache memcached://unix:$long key=raw;",
        'rust_page_cache', $long, 'long'],
    ['a host that is not known', 'rust_page_cache memcached://no-such-host.invalid key=raw;',
        qw(rust_page_cache no-such-host.invalid)],
    ['a variable, which is none in STORE', 'rust_page_cache memcached://$host key=raw;',
        qw(rust_page_cache $host)],

    # The parameters.
    ['an unknown parameter', 'rust_page_cache memcached://127.0.0.1 keys=raw;',
        qw(rust_page_cache keys key prefix uri namespace format fallback)],
    ['a word that is no parameter', 'rust_page_cache memcached://127.0.0.1 raw;',
        qw(rust_page_cache raw key prefix uri namespace format fallback)],
    ['a parameter twice', 'rust_page_cache memcached://127.0.0.1 key=raw key=md5;',
        qw(rust_page_cache key)],
    ['prefix twice', 'rust_page_cache memcached://127.0.0.1 key=raw prefix=a prefix=a;',
        qw(rust_page_cache prefix)],
    ['a value in quotes', 'rust_page_cache memcached://127.0.0.1 key=raw namespace=":1:";',
        'rust_page_cache', 'namespace=":1:"', '"namespace=:1:"'],
    ['a value in quotes with a blank', 'rust_page_cache memcached://127.0.0.1 key=raw prefix="a b";',
        'rust_page_cache', 'prefix="a', '"prefix=...'],
    ['an unknown key', 'rust_page_cache memcached://127.0.0.1 key=sha1;',
        qw(rust_page_cache sha1 django md5 prefix raw)],
    ['an empty key', 'rust_page_cache memcached://127.0.0.1 key=;',
        qw(rust_page_cache key django md5 prefix raw)],
    ['an unknown format', 'rust_page_cache memcached://127.0.0.1 key=raw format=json;',
        qw(rust_page_cache json body django)],
    ['a fallback without @', 'rust_page_cache memcached://127.0.0.1 key=raw fallback=application;',
        qw(rust_page_cache application next @)],
    ['a fallback without a name', 'rust_page_cache memcached://127.0.0.1 key=raw fallback=@;',
        qw(rust_page_cache fallback next @)],
    ['an unknown variable', 'rust_page_cache memcached://127.0.0.1 key=raw uri=$no_such_variable;',
        qw(no_such_variable)],
    ['off with parameters', 'rust_page_cache off key=raw;', qw(rust_page_cache off key=raw)],
    ['the directive twice in one block',
        'rust_page_cache memcached://127.0.0.1 key=raw; rust_page_cache memcached://127.0.0.1 key=md5;',
        qw(rust_page_cache duplicate)],
    ['the directive and off in one block',
        'rust_page_cache memcached://127.0.0.1 key=raw; rust_page_cache off;',
        qw(rust_page_cache duplicate)],

    # The companions.
    ['a regular expression without an end', 'rust_page_cache_ignore "/a(";',
        qw{rust_page_cache_ignore /a( unclosed group}],
    ['a regular expression of another kind', 'rust_page_cache_ignore /a "(?=b)";',
        qw{rust_page_cache_ignore (?=b) look-around}],
    ['no regular expression', 'rust_page_cache_ignore;', 'rust_page_cache_ignore'],
    ['no string', 'rust_page_cache_bypass;', 'rust_page_cache_bypass'],
    ['a bad time', 'rust_page_cache_timeout 1x;', qw(rust_page_cache_timeout 1x)],
    ['a time of text', 'rust_page_cache_connect_timeout soon;',
        qw(rust_page_cache_connect_timeout soon)],
    ['a time beyond all reason', 'rust_page_cache_timeout 2h;', qw(rust_page_cache_timeout 2h)],
    ['another', 'rust_page_cache_connect_timeout 1000d;', qw(rust_page_cache_connect_timeout 1000d)],
    ['a bad size', 'rust_page_cache_max_size lots;', qw(rust_page_cache_max_size lots)],
    ['a negative size', 'rust_page_cache_max_size -1;', qw(rust_page_cache_max_size -1)],
    ['memory that is not for a server', 'rust_page_cache_max_memory 64m;',
        qw(rust_page_cache_max_memory), 'not allowed here'],
    ['connections of text', 'rust_page_cache_connections many;',
        qw(rust_page_cache_connections many)],
    ['no connections', 'rust_page_cache_connections 0;', qw(rust_page_cache_connections 0)],
    ['a flag of text', 'rust_page_cache_gzip_flag gzip;', qw(rust_page_cache_gzip_flag gzip magic)],
    ['a flag of too many bits', 'rust_page_cache_gzip_flag 4294967296;',
        qw(rust_page_cache_gzip_flag 4294967296 4294967295)],
    ['a negative flag', 'rust_page_cache_gzip_flag -1;', qw(rust_page_cache_gzip_flag -1 magic)],
    ['a header without a value', 'rust_page_cache_set_header X-A;', 'rust_page_cache_set_header'],
    ['a header with two', 'rust_page_cache_set_header X-A b c;', 'rust_page_cache_set_header'],
    ['a header that is no token', 'rust_page_cache_set_header "X A" b;',
        'rust_page_cache_set_header', 'X A', 'letters, digits'],
    ['a header with its colon', 'rust_page_cache_set_header X-A: b;',
        'rust_page_cache_set_header', 'X-A:', 'letters, digits'],
    ['an empty header', 'rust_page_cache_set_header "" b;', 'rust_page_cache_set_header', 'letters, digits'],
    ['a header with an underscore', 'rust_page_cache_set_header X_A b;',
        'rust_page_cache_set_header', 'X_A', 'application servers'],
    ['a header twice', 'rust_page_cache_set_header X-A b; rust_page_cache_set_header x-a c;',
        'rust_page_cache_set_header', 'x-a', 'duplicate'],
    ['a header of an unknown variable', 'rust_page_cache_set_header X-A $no_such_variable;',
        'no_such_variable'],
    ['a field that is no name', 'rust_page_cache_hide_header X-Debug:;',
        qw(rust_page_cache_hide_header X-Debug: X-Powered-By)],
    ['an empty field', 'rust_page_cache_hide_header "";', qw(rust_page_cache_hide_header X-Powered-By)],
    ['no field', 'rust_page_cache_hide_header;', qw(rust_page_cache_hide_header)],
    ['two fields', 'rust_page_cache_hide_header X-A X-B;', qw(rust_page_cache_hide_header)],
    ['the field that tells how to read the body', 'rust_page_cache_hide_header content-encoding;',
        'rust_page_cache_hide_header', 'content-encoding', 'gunzip on'],
    ['neither public nor not', 'rust_page_cache_public_only yes;',
        qw(rust_page_cache_public_only yes on off)],
    ['neither on nor off', 'rust_page_cache_etag yes;', qw(rust_page_cache_etag yes on off)],
);
my %value = (
    connect_timeout => '1s',
    timeout         => '1s',
    max_size        => '1m',
    connections     => '3',
    gzip_flag       => '2',
    public_only     => 'on',
    etag            => 'off',
);
push @table, map {
    [
        "rust_page_cache_$_ twice in one block",
        "rust_page_cache_$_ $value{$_}; rust_page_cache_$_ $value{$_};",
        "rust_page_cache_$_", 'duplicate',
    ]
} sort keys %value;

for my $row (@table) {
    my ($name, $text, @words) = @$row;
    my ($status, $output) = nginx_test(server => "$text location \@django { return 200; }");
    refused($name, $status, $output, @words);
}

# What stands in http only.
for my $row (
    ['too little memory', 'rust_page_cache_max_memory 1023k;', qw(rust_page_cache_max_memory 1023k 1m 128m)],
    ['memory of text', 'rust_page_cache_max_memory much;', qw(rust_page_cache_max_memory much 1m 128m)],
    ['memory without end', 'rust_page_cache_max_memory 0;', qw(rust_page_cache_max_memory 0 1m 128m)],
    ['memory twice', 'rust_page_cache_max_memory 64m; rust_page_cache_max_memory 64m;',
        qw(rust_page_cache_max_memory duplicate)],
    )
{
    my ($name, $text, @words) = @$row;
    my ($status, $output) = nginx_test(http => $text);
    refused($name, $status, $output, @words);
}

# Where the request would go, which only the whole configuration tells.
my $cache = 'rust_page_cache memcached://127.0.0.1 key=raw';
my @whole = (
    ['a fallback that is not defined', "location / { $cache fallback=\@none; }",
        qw(rust_page_cache @none)],
    ['a fallback that is defined in another server', "location / { $cache fallback=\@other; }",
        qw(rust_page_cache @other)],
    ['a fallback that is no named location', "location / { $cache fallback=\@page; } location /page { }",
        qw(rust_page_cache @page)],
    ['no @django, in a location', "location / { $cache; }", qw(rust_page_cache @django)],
    ['no @django, in an if', "location / { if (\$arg_a) { $cache; } }", qw(rust_page_cache @django)],
    ['no @django, at server level', "$cache; location /a { return 200; }", qw(rust_page_cache @django)],
    ['a fallback to itself',
        "location / { return 200; } location \@a { $cache fallback=\@a; proxy_pass http://127.0.0.1; }",
        qw(rust_page_cache @a)],
    ['@django that falls back to itself', "location / { return 200; } location \@django { $cache; }",
        qw(rust_page_cache @django)],
);
for my $row (@whole) {
    my ($name, $text, @words) = @$row;
    my ($status, $output) = nginx_test(
        http   => 'server { listen 127.0.0.1:1; location @other { return 200; } }',
        server => $text,
    );
    refused($name, $status, $output, @words);
}

# Where the directives may not stand, in nginx's own words.
for my $directive (
    'rust_page_cache off', 'rust_page_cache_bypass 1', 'rust_page_cache_ignore a',
    'rust_page_cache_connect_timeout 1s', 'rust_page_cache_timeout 1s', 'rust_page_cache_max_size 1m',
    'rust_page_cache_connections 2', 'rust_page_cache_gzip_flag 2',
    'rust_page_cache_hide_header X-A', 'rust_page_cache_public_only on', 'rust_page_cache_etag on',
    )
{
    my ($word) = split ' ', $directive;
    my ($status, $output) = nginx_test(http => "upstream u { server 127.0.0.1:1; $directive; }");
    refused("$word in an upstream", $status, $output, $word, 'not allowed here');
}

# A word that starts with `!` must not be there.
sub refused ($name, $status, $output, @words) {
    my ($message) = $output =~ /(\[emerg\].*)/s;
    isnt $status, 0, "$name: refused";
    for my $word (@words) {
        my ($not, $text) = $word =~ /^(!?)(.*)/s;
        my $found = index($not ? $output : $message // '', $text) >= 0;
        ok $not ? !$found : $found, "$name: " . ($not ? 'does not show' : 'tells') . " `$text`"
            or diag $output;
    }
    like $output, qr/nginx\.conf:\d+/, "$name: and where" if grep { $_ eq 'rust_page_cache' } @words;
    return;
}

done_testing;
