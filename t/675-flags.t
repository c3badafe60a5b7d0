# memcached flags of clients with an encoding of their own: no page, and a line that says what to
# set there.

use v5.32;
use warnings;
use experimental 'signatures';

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;

use RustPageCache;
use RustPageCache::Django qw(pickled_page);

# What reads the value, so that each is the first of its worker.
my %case = (
    'php-memcached, zlib'   => [16 | 32, "\x0c\0\0\0x\x9c+HLO\x05\0\x04\x1a\x01\x9e", 'Memcached::OPT_COMPRESSION'],
    'php-memcached, fastlz' => [16 | 64, "\x04\0\0\0\x03page", 'Memcached::OPT_COMPRESSION'],
    'php-memcached, PHP serialized' => [4, 's:4:"page";', 'store a string'],
    'Dalli, compressed'     => [2, "x\x9c+HLO\x05\0\x04\x1a\x01\x9e", 'Dalli'],
    'Dalli, both'           => [3, "x\x9c\x03", 'Dalli'],
    'spymemcached, a date'  => [3 << 8, "\0\0\x01", 'spymemcached'],
    'all of them'           => [0xffffffff, 'page', 'php-memcached'],
    'an unknown one'        => [1 << 20, 'page', 'plain strings'],
    'nothing'               => [2, '', 'Dalli'],
);
for my $name (sort keys %case) {
    my ($flags, $value, $words) = @{$case{$name}};
    memcached->set('page', $value, $flags);
    my $nginx = start(errors => ['memcached flags']);
    for my $time (1 .. 3) {
        my $response = $nginx->get('/?key=page');
        is $response->cache, 'MISS flags', "$name: no page";
        is $response->body, "fallback\n", "$name: the fallback answers";
    }
    my @lines = $nginx->log_lines('memcached flags');
    is scalar @lines, 1, "$name: one line";
    like $lines[0], qr/\[error\].*"page".* flags $flags \(.*\Q$words\E.*\(said once\)/, "$name: it says what to set";
    $nginx->finish;
}

# Flags that are known, and those of a page of Django, say nothing.
my $nginx = start();
memcached->set('page', "stored\n", 0);
is $nginx->get('/?key=page')->body, "stored\n", 'no flags';
memcached->set('page', "stored\n", 16);
is $nginx->get('/?key=page')->body, "stored\n", 'the flag of a text';
memcached->set('page', pickled_page(body => "stored\n"), 1 | 64);
is $nginx->get('/django?key=page')->body, "stored\n", 'format=django reads what it can read';
$nginx->finish;

sub start (%options) {
    return nginx(%options, server => <<"CONF");
    location / {
        rust_page_cache @{[memcached->uri]} key=raw uri=\$arg_key;
    }
    location /django {
        rust_page_cache @{[memcached->uri]} key=raw uri=\$arg_key format=django;
    }
    location \@django {
        return 200 "fallback\\n";
    }
CONF
}

done_testing;
