# Pages that vary: each release digests the values in its own way, and is asked for in that way alone.

use v5.32;
use warnings;
use experimental 'signatures';

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;

use RustPageCache;
use RustPageCache::Django qw(header_key page_key pickled_list pickled_page vary_digest);

# release => how it digests
my %form = (
    '3.2.25'  => 'raw',
    '5.2.18'  => 'raw',
    '5.2.19'  => 'raw-absent',
    '6.0.9'   => 'raw',
    '6.0.10'  => 'raw-absent',
    '6.1.0'   => 'netstring',
    '6.1.2'   => 'netstring',
    '6.1.3'   => 'netstring-absent',
    '7.0'     => 'netstring-absent',
    # A number that does not matter may be left out.
    '4'       => 'raw',
    '5.1'     => 'raw',
    '6.2'     => 'netstring-absent',
    # By name, where a distribution has mended a release under its old number.
    map { ($_ => $_) } qw(raw raw-absent netstring netstring-absent),
);
my $locations = join "\n", map { <<"CONF" } sort(keys %form);
    location /$_/ {
        rust_page_cache @{[memcached->uri]} django=$_ uri=http://localhost/page;
    }
CONF
my $nginx = nginx(server => <<"CONF");
    $locations
    location \@django {
        return 200 "fallback\\n";
    }
CONF

my @list = ('HTTP_COOKIE', 'HTTP_HX_TARGET');
# name => [request headers, values in the order of the list]
my %request = (
    'both'         => [[Cookie => 'a=1', 'HX-Target' => '2'], ['a=1', '2']],
    'one absent'   => [['HX-Target' => '2'], [undef, '2']],
    'both absent'  => [[], [undef, undef]],
    'one empty'    => [[Cookie => '', 'HX-Target' => '2'], ['', '2']],
    'with blanks'  => [[Cookie => "  a=1 \t", 'HX-Target' => '2'], ['a=1', '2']],
    'latin-1'      => [[Cookie => "a=caf\xe9", 'HX-Target' => '2'], ["a=caf\xc3\xa9", '2']],
    'letters'      => [[cookie => 'a=1', 'hx-target' => '2'], ['a=1', '2']],
);

# Releases with one form are one case of what is stored.
my %stored = reverse %form;
for my $name (sort keys %request) {
    my ($headers, $values) = @{$request{$name}};
    for my $form (sort keys %stored) {
        my $digest = vary_digest($form, @$values);
        memcached->flush;
        memcached->set(header_key(uri => 'http://localhost/page'), pickled_list(@list), 1);
        memcached->set(page_key(uri => 'http://localhost/page', digest => $digest),
            pickled_page(body => "page of $form\n"), 1);
        for my $asked (sort keys %form) {
            my $same = vary_digest($form{$asked}, @$values) eq $digest;
            is $nginx->get("/$asked/", @$headers)->cache, $same ? 'HIT' : 'MISS absent',
                "$name, stored in the form $form, django=$asked";
        }
    }
}

# One form is one page to ask for, however often it is not there.
my $asked = memcached->stat('cmd_get');
$nginx->get('/6.1.3/', 'HX-Target' => "none-$_") for 1 .. 20;
is memcached->stat('cmd_get') - $asked, 2 * 20, 'a list and a page for each request, and nothing more';

# A header that comes twice is joined by some servers and not by others.
is $nginx->get('/6.1.3/', 'HX-Target' => '2', 'HX-Target' => '3')->cache, 'MISS vary', 'a duplicate of a header';
is $nginx->get('/6.1.3/', 'X-B' => '2', 'X-B' => '3')->cache, 'MISS absent', 'a duplicate of another';
# Servers drop a name with an underscore.
my $dropped = vary_digest('netstring-absent', undef, '2');
memcached->set(page_key(uri => 'http://localhost/page', digest => $dropped),
    pickled_page(body => "dropped\n"), 1);
is $nginx->get('/6.1.3/', 'HX-Target' => '2', 'HX_Target' => '3')->cache, 'HIT', 'a name with an underscore is none';

# What cannot be told from the request.
for my $case (
    ['MISS vary', 'HTTP_*'], ['MISS vary', 'HTTP_COOKIE', 'HTTP_*'], ['MISS absent', 'HTTP_'],
    ['ERROR undecodable', 'COOKIE'], ['ERROR undecodable', 'HTTP_x'], ['ERROR undecodable', "HTTP_A\nB"],
    )
{
    my ($outcome, @names) = @$case;
    memcached->set(header_key(uri => 'http://localhost/page'), pickled_list(@names), 1);
    my $response = $nginx->get('/6.1.3/', 'HX-Target' => '2');
    is $response->cache, $outcome, "a list of @names: $outcome" =~ s/\n/\\n/r;
    is $response->body, "fallback\n", "a list of @names: the fallback answers" =~ s/\n/\\n/r;
}

# Django takes the empty members of `Vary: , HX-Target,` for names, which no request has.
memcached->set(header_key(uri => 'http://localhost/page'), pickled_list('HTTP_', 'HTTP_', 'HTTP_HX_TARGET'), 1);
memcached->set(page_key(uri => 'http://localhost/page', digest => vary_digest('netstring-absent', undef, undef, '2')),
    pickled_page(body => "gaps\n"), 1);
is $nginx->get('/6.1.3/', 'HX-Target' => '2')->body, "gaps\n", 'empty names are absent headers';
is $nginx->get('/6.1.3/', 'HX-Target' => '3')->cache, 'MISS absent', 'and the other one counts';
$nginx->{errors} = ['rust_page_cache'];
$nginx->finish;

done_testing;
